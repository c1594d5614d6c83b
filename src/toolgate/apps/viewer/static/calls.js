// Each call's four steps, in one look; and what the model wrote beside what the client got.

import { el } from "./element.js";
import { count, kind } from "./words.js";

const SIGNS = { yes: "✓", no: "✗", odd: "✓", unknown: "?", none: "–" };
const SPOKEN = { yes: "yes", no: "no", odd: "yes, but", unknown: "unknown", none: "not reached" };
const LONG = 4000;

export function drawCalls(turn) {
  return turn.calls.map((call, at) =>
    el(
      "article.call",
      { "aria-label": call.name ? `Call of ${call.name}` : "No call" },
      el(
        "h3",
        {},
        call.name ? el("span.mono", {}, call.name) : "No call",
        call.verdict && call.verdict !== "valid" ? el(`span.chip.${call.verdict === "healed" ? "warn" : "bad"}`, {}, kind(call.verdict)) : null,
      ),
      el("ol.steps", {}, call.steps.map(drawStep)),
      drawDropped(turn.trace.calls?.[at]?.dropped ?? []),
      call.name ? drawArguments(call, turn) : null,
    ),
  );
}

/** What a grammar could not say; it was checked after. */
function drawDropped(dropped) {
  if (!dropped.length) return null;
  const told = dropped.map((one) => `${one.keyword}${one.path ? ` at ${one.path}` : ""}`);
  return el("p.soft", {}, `The grammar could not hold ${told.join(", ")}; that was checked after the call.`);
}

function drawStep({ name, mark, why }) {
  return el(
    "li.step",
    { "data-mark": mark },
    el("span.sign", { "aria-hidden": "true" }, SIGNS[mark]),
    el("span.step-name", {}, name, el("span.hidden", {}, `: ${SPOKEN[mark]}.`)),
    el("span.why", {}, why),
  );
}

function drawArguments(call, turn) {
  const isWorse = call.verdict !== "valid";
  return el(
    "details",
    { open: isWorse },
    el("summary", {}, "What the model wrote, and what the client got"),
    el(
      "div.pair",
      {},
      column("As the model wrote it", call.raw === null ? unknown() : drawRaw(call, turn)),
      column("As the client got it", drawGot(call)),
      call.result === null ? null : column("What came back", block(call.result)),
    ),
  );
}

function column(title, body) {
  return el("div", {}, el("h4", {}, title), body);
}

function unknown() {
  return el("p.soft", {}, "This cannot be told from the recording.");
}

function block(text) {
  const isLong = text.length > LONG;
  const pre = el("pre", { tabindex: "0" }, isLong ? text.slice(0, LONG) : text);
  if (!isLong) return pre;
  const more = el("button", { type: "button", onclick: () => { pre.textContent = text; more.remove(); } }, `All ${count(text.length)} characters`);
  return el("div", {}, pre, more);
}

/** Markers apart from text. */
export function drawMarked(text, markers) {
  if (!markers.length) return [text];
  const ordered = [...markers].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`(${ordered.map((one) => RegExp.escape?.(one) ?? escapePattern(one)).join("|")})`, "u");
  return text.split(pattern).map((part, at) => (at % 2 ? el("span.special", {}, part) : part));
}

function escapePattern(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function drawRaw(call, turn) {
  return el("pre", { tabindex: "0" }, drawMarked(call.raw.slice(0, LONG), turn.markers), call.raw.length > LONG ? " …" : null);
}

/** What was mended stands out: the part that the model did not write. */
function drawGot(call) {
  if (call.verdict !== "healed" || !call.raw) return block(call.arguments);
  const begin = call.raw.indexOf(call.arguments.slice(0, 1));
  let same = 0;
  while (same < call.arguments.length && call.raw[begin + same] === call.arguments[same]) same += 1;
  return el("pre", { tabindex: "0" }, call.arguments.slice(0, same), el("mark", {}, call.arguments.slice(same)));
}
