// What the client sent beside what the model saw; and what was mended or odd, by name.

import { el } from "./element.js";
import { kind, several } from "./words.js";

const AROUND = 2; // lines shown on each side of a change
const SIGNS = { both: " ", sent: "−", seen: "+" };
const SPOKEN = { sent: "only sent: ", seen: "only seen: " };

export function drawDifference({ lines, why }) {
  if (why) return el("p.soft", {}, why);
  if (lines.every(([side]) => side === "both")) return el("p", {}, "The model saw what the client sent, line for line.");
  const isNear = lines.map((_, at) => lines.slice(Math.max(at - AROUND, 0), at + AROUND + 1).some(([side]) => side !== "both"));
  const rows = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (isNear[at]) {
      rows.push(drawLine(lines[at]));
      continue;
    }
    const begin = at;
    while (at + 1 < lines.length && !isNear[at + 1]) at += 1;
    const same = lines.slice(begin, at + 1);
    const button = el("button.fold", { type: "button", onclick: () => button.replaceWith(...same.map(drawLine)) }, `${several(same.length, "line")} the same`);
    rows.push(button);
  }
  return el("div", {}, el("p.soft", {}, "− as the client sent it, + as the model saw it"), el("pre.difference", { tabindex: "0", "aria-label": "What differs" }, rows));
}

function drawLine([side, text]) {
  return el("span.line", { "data-side": side }, el("span.hidden", {}, SPOKEN[side] ?? ""), `${SIGNS[side]} ${text}\n`);
}

/** Repairs, findings and anomalies, each with where and what. */
export function drawOddities(turn, findings) {
  const { repairs = [], message } = turn.trace;
  const anomalies = message.anomalies ?? [];
  const lists = [
    ["Findings", findings.map((one) => entry(one.kind, "bad", one.sentence, (one.evidence ?? []).join("; ")))],
    ["Anomalies of the model", anomalies.map((one) => entry(one.kind, "warn", one.detail, one.raw))],
    ["Repairs of the request", repairs.map((one) => entry(one.kind, "", one.where, one.detail))],
  ].filter(([, entries]) => entries.length);
  if (!lists.length) return el("p.soft", {}, "Nothing was mended, and nothing was odd.");
  return el("div", {}, lists.map(([title, entries]) => [el("h3", {}, title), el("ul.plain", {}, entries)]));
}

function entry(name, mood, where, detail) {
  return el("li", {}, el(`span.chip${mood ? `.${mood}` : ""}`, {}, kind(name)), " ", where, detail ? el("pre", { tabindex: "0" }, detail) : null);
}
