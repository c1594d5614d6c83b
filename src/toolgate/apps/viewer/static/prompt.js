// The prompt: special tokens drawn apart from text, and what the request before had too shaded.

import { el } from "./element.js";
import { count, share } from "./words.js";

const LONG = 1500; // characters of one text; the middle of a longer one is folded
const EDGE = 400;

export function drawPrompt(turn) {
  const whole = turn.segments.reduce((sum, [, text]) => sum + text.length, 0);
  const kept = turn.shared ? `${share(turn.shared, whole)} of it (${count(turn.shared)} characters) is the same as in the request before, and shaded.` : "Nothing of it was in a request before.";
  const pieces = [];
  let at = 0;
  for (const [isSpecial, text] of turn.segments) {
    const shared = Math.min(Math.max(turn.shared - at, 0), text.length);
    if (shared) pieces.push(drawPart(text.slice(0, shared), isSpecial, true));
    if (shared < text.length) pieces.push(drawPart(text.slice(shared), isSpecial, false));
    at += text.length;
  }
  return el("div", {}, el("p.soft", {}, `${count(whole)} characters. ${kept}`), el("pre.prompt-text", { tabindex: "0", "aria-label": "The prompt" }, pieces));
}

function drawPart(text, isSpecial, isShared) {
  if (isSpecial) return el(`span.special${isShared ? ".shared" : ""}`, {}, text);
  return el(isShared ? "span.shared" : "span", {}, fold(text));
}

function fold(text) {
  if (text.length <= LONG) return text;
  const rest = text.slice(EDGE, -EDGE);
  const button = el("button.fold", { type: "button", onclick: () => button.replaceWith(rest) }, `${count(rest.length)} characters more`);
  return [text.slice(0, EDGE), button, text.slice(-EDGE)];
}
