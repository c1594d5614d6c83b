// Where the time went.

import { drawChart } from "./charts.js";
import { el } from "./element.js";
import { count, seconds, share } from "./words.js";

export function drawTimings(turn, row) {
  const times = turn.pieces.filter(([, text, ids]) => text || ids).map(([at]) => at);
  const asked = turn.trace.sent[0]?.at ?? null;
  const first = times[0] ?? null;
  const last = times.at(-1) ?? null;
  const gaps = times.slice(1).map((at, index) => at - times[index]);
  const usage = turn.trace.usage;
  const tokens = usage?.completion_tokens || row.completion_tokens;
  const facts = [
    ["Until the engine was asked", seconds(asked)],
    ["Until its first word", seconds(first)],
    ["Until its last", seconds(last)],
    ["Whole request", seconds(row.seconds)],
    ["Longest gap", gaps.length ? seconds(gaps.reduce((most, gap) => Math.max(most, gap), 0)) : "–"],
    ["Tokens a second", last > first && tokens ? count(tokens / (last - first)) : "–"],
    ["Prompt", `${count(row.prompt_tokens)} tokens, ${share(usage?.cached_tokens ?? row.cached_tokens, row.prompt_tokens)} from the cache`],
    ["Answer", `${count(tokens)} tokens`],
    ["Calls kept valid by", turn.trace.tier ?? "–"],
    ["Corrected", turn.trace.steering ? `${turn.trace.steering.steers} times` : null],
  ].filter(([, value]) => value !== null);
  const chart = el("div.chart");
  return {
    element: el("div", {}, el("dl.figures-list", {}, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))), times.length > 2 ? chart : null),
    draw: () => {
      if (times.length <= 2) return;
      drawChart(chart, { title: "Pieces that had come, over the seconds since the request", xs: times, isTime: false, series: [{ label: "pieces", values: times.map((_, at) => at + 1), fill: "tint" }], format: (value) => count(value) });
    },
  };
}
