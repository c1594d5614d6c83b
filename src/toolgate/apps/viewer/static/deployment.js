// The whole deployment over time: calls, how many were right, what was mended or odd, and how fast.

import { drawChart } from "./charts.js";
import { el, show } from "./element.js";
import { bindKeys } from "./keyboard.js";
import { ask, listen } from "./server.js";
import { count, kind, seconds, share } from "./words.js";

const RANGES = [[1, "hour"], [24, "day"], [24 * 7, "week"], [24 * 30, "30 days"]];
const SPANS = 48;
const CALM = 2000; // ms between two looks, however much is new

const main = document.getElementById("main");
let hours = Number(new URLSearchParams(location.search).get("hours")) || 24;
let newest = null;
let waiting = 0;

async function load() {
  const wanted = hours;
  const { since, width, spans, whole } = await ask("history", { hours });
  if (wanted !== hours) return;
  draw(since, width, spans, whole);
}

function draw(since, width, spans, whole) {
  const places = [];
  const plot = (title, series, options = {}) => {
    const place = el("div.chart");
    places.push(() => drawChart(place, { title: `${title}, over time`, xs, series, ...options }));
    return el("section.plot", { "aria-label": title }, el("h2", {}, title), place);
  };
  const slots = fill(since, width, spans);
  const xs = slots.map((_, at) => since + at * width);
  const each = (read) => slots.map((span) => (span ? read(span) : null));
  const amount = (read) => slots.map((span) => (span ? read(span) : 0));
  const percent = (part, whole) => (span) => (span[whole] ? (100 * span[part]) / span[whole] : null);
  const told = (span, name) => Object.values(span[name]).reduce((sum, one) => sum + one, 0);
  const inPercent = { format: (value) => `${Math.round(value)} %`, most: 100 };
  const inSeconds = { format: seconds };
  show(
    main,
    el("h1", {}, "Deployment"),
    el("div.switch", { role: "group", "aria-label": "How far back" }, RANGES.map(([given, name]) => el("button", { type: "button", "aria-pressed": String(given === hours), onclick: () => choose(given) }, name))),
    drawTiles(whole),
    spans.length
      ? el(
          "div.plots",
          {},
          plot("Requests and calls", [{ label: "requests", values: amount((span) => span.requests), fill: "tint" }, { label: "calls", values: amount((span) => span.calls), color: "ink" }, { label: "failed", values: amount((span) => span.errors), color: "bad" }], { format: count }),
          plot("Calls that were right", [{ label: "fit their schema", values: each(percent("valid_calls", "calls")), fill: "tint" }], inPercent),
          plot("Until the first word", [{ label: "half within", values: each((span) => span.first_seconds?.half ?? null) }, { label: "95 % within", values: each((span) => span.first_seconds?.most ?? null), color: "soft", dash: [4, 3] }], inSeconds),
          plot("Whole requests", [{ label: "half within", values: each((span) => span.seconds?.half ?? null) }, { label: "95 % within", values: each((span) => span.seconds?.most ?? null), color: "soft", dash: [4, 3] }], inSeconds),
          plot("Empty turns, anomalies, repairs", [{ label: "empty turns", values: amount((span) => span.empty_turns), color: "bad" }, { label: "anomalies", values: amount((span) => told(span, "anomalies")), color: "warn" }, { label: "repairs", values: amount((span) => told(span, "repairs")), color: "soft" }], { format: count }),
          plot("Prompt from the cache", [{ label: "of its tokens", values: each(percent("cached_tokens", "prompt_tokens")), fill: "tint" }], inPercent),
          ...["findings", "anomalies", "repairs"].map((name) => drawKinds(name, spans)),
        )
      : el("p.nothing", {}, "Nothing was recorded in this time."),
  );
  for (const drawOne of places) if (spans.length) drawOne();
}

/** The spans in which nothing began too. */
function fill(since, width, spans) {
  const slots = new Array(SPANS).fill(null);
  for (const span of spans) {
    const at = Math.min(Math.max(Math.round((span.start - since) / width), 0), SPANS - 1);
    slots[at] = span;
  }
  return slots;
}

function drawTiles(whole) {
  if (!whole) return null;
  const { requests, calls, valid_calls: valid, empty_turns: empty, errors, findings } = whole;
  const lost = (findings.call_missing ?? 0) + (findings.result_missing ?? 0);
  const tiles = [
    ["Requests", count(requests), errors ? `${count(errors)} failed` : "none failed"],
    ["Calls", count(calls), `${count(calls - valid)} wrong`],
    ["Schema accuracy", share(valid, calls), "declared, and fit their schema"],
    ["Empty turns", share(empty, requests), count(empty), empty > 0],
    ["Lost results", count(lost), "calls without a result", lost > 0],
    ["Prompt kept", share(whole.cached_tokens, whole.prompt_tokens), `of ${count(whole.prompt_tokens)} tokens`],
    ["First word", seconds(whole.first_seconds?.half), `95 % within ${seconds(whole.first_seconds?.most)}`],
    ["Tokens written", count(whole.completion_tokens), ""],
  ];
  return el("dl.tiles", {}, tiles.map(([name, value, more, isBad]) => el("div.tile", { "data-mood": isBad ? "bad" : null }, el("dt", {}, name), el("dd", {}, value, el("small", {}, more)))));
}

/** A table of kinds, each a way into the list. */
function drawKinds(name, spans) {
  const sums = {};
  for (const span of spans) for (const [one, amount] of Object.entries(span[name])) sums[one] = (sums[one] ?? 0) + amount;
  const filter = { findings: "finding", anomalies: "anomaly", repairs: "repair" }[name];
  const rows = Object.entries(sums).sort((a, b) => b[1] - a[1]);
  return el(
    "section.plot",
    { "aria-label": name },
    el("h2", {}, name[0].toUpperCase() + name.slice(1)),
    rows.length ? el("table.kinds", {}, el("tbody", {}, rows.map(([one, amount]) => el("tr", {}, el("td", {}, el("a", { href: `./?${filter}=${encodeURIComponent(one)}` }, kind(one))), el("td", {}, count(amount)))))) : el("p.soft", {}, "None."),
  );
}

function choose(given) {
  hours = given;
  history.replaceState(null, "", `?hours=${hours}`);
  refresh();
}

async function refresh() {
  try {
    await load();
  } catch (error) {
    show(main, el("h1", {}, "Deployment"), el("p.nothing", { role: "status" }, error.message));
  }
}

function hear(change) {
  const isNew = newest !== null && change.newest !== newest;
  newest = change.newest;
  if (!isNew) return;
  waiting ||= setTimeout(() => {
    waiting = 0; // put off by each change, it would never look while there is much
    refresh();
  }, CALM);
}

async function start() {
  const keys = Object.fromEntries(RANGES.map(([given, name], at) => [String(at + 1), [`the last ${name}`, () => choose(given)]]));
  bindKeys({ ...keys, u: ["the conversations", () => location.assign("./")] });
  await refresh();
  listen(hear);
}

start();
