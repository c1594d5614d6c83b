// The model's output: as text, or as tokens with their ids; and where the parser stood at each.

import { el, show } from "./element.js";
import { count, seconds } from "./words.js";

const MOST = 4000; // pieces drawn at once

/** The stream of one turn. `select(number)` is told which piece is looked at. */
export class Stream {
  constructor(select) {
    this.mode = "text";
    this.select = select;
    this.drawn = 0; // pieces
    this.place = 0; // where in the whole output the next one begins
    this.passed = 0; // markers that end before it
    this.limit = MOST;
    this.at = -1;
    this.body = el("div.stream", { tabindex: "0", role: "group", "aria-label": "The model’s output; left and right go from piece to piece", onkeydown: (event) => this.press(event), onclick: (event) => this.touch(event), onmouseover: (event) => this.touch(event) });
    this.detail = el("p.soft.detail", { "aria-live": "polite" });
    this.modes = ["text", "tokens"].map((mode) =>
      el("button", { type: "button", id: `mode-${mode}`, "aria-pressed": "false", onclick: () => this.setMode(mode) }, mode === "text" ? "Text" : "Tokens"),
    );
    this.more = el("button", { type: "button", hidden: true, onclick: () => this.drawAll() });
    this.element = el("div", {}, el("div.switch", { role: "group", "aria-label": "Shown as" }, this.modes), this.body, this.more, this.detail);
    this.setMode("text");
  }

  /** New pieces of the same turn are added; another turn begins anew. */
  update(pieces, moves) {
    if (pieces.length < this.drawn) this.clear();
    this.pieces = pieces;
    this.marks = moves.filter((move) => move.marker);
    this.draw();
  }

  setMode(mode) {
    this.mode = mode;
    this.body.dataset.mode = mode;
    for (const button of this.modes) button.setAttribute("aria-pressed", String(button.id === `mode-${mode}`));
    if (!this.pieces) return;
    this.clear();
    this.draw();
    if (this.at >= 0) this.light(this.at);
  }

  toggle() {
    this.setMode(this.mode === "text" ? "tokens" : "text");
  }

  clear() {
    this.drawn = this.place = this.passed = 0;
    show(this.body);
  }

  draw() {
    const end = Math.min(this.pieces.length, this.limit);
    const made = [];
    for (let at = this.drawn; at < end; at += 1) made.push(this.drawPiece(at));
    this.body.append(...made.filter(Boolean));
    this.drawn = end;
    this.more.hidden = this.pieces.length <= this.limit;
    this.more.textContent = `Show all ${count(this.pieces.length)} pieces`;
    if (!this.detail.textContent) this.detail.textContent = summary(this.pieces);
  }

  drawAll() {
    this.limit = Infinity;
    this.draw();
  }

  drawPiece(at) {
    const [, text, ids, state, flag, notes] = this.pieces[at];
    const parts = this.cut(text, flag);
    if (!text && (!ids || this.mode === "text")) return null;
    const inner = this.mode === "text" ? parts : [el("span.glyphs", {}, visible(text)), el("span.id", {}, ids ? ids.map(spell).join(" ") : "no id")];
    return el("span.piece", { "data-at": at, "data-kind": flag || null, "data-state": state, "data-odd": notes.some((note) => note.startsWith("anomaly")) }, inner);
  }

  /** The text with the parts of markers drawn apart: without ids a marker may lie in several pieces. */
  cut(text, flag) {
    const parts = [];
    const end = this.place + text.length;
    let at = this.place;
    while (at < end) {
      while (this.passed < this.marks.length && this.marks[this.passed].end <= at) this.passed += 1;
      const mark = this.marks[this.passed];
      const isInside = mark !== undefined && mark.begin <= at;
      const next = Math.min(end, isInside ? mark.end : (mark?.begin ?? end));
      const part = text.slice(at - this.place, next - this.place);
      parts.push(isInside && !flag ? el("span.special-part", {}, part) : part);
      at = next;
    }
    this.place = end;
    return parts;
  }

  press(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || !this.pieces?.length) return;
    event.preventDefault();
    this.look(Math.min(Math.max(this.at + by, 0), this.drawn - 1));
  }

  touch(event) {
    const piece = event.target.closest(".piece");
    if (piece) this.look(Number(piece.dataset.at), { quiet: true });
  }

  look(at, { quiet = false } = {}) {
    this.at = at;
    this.light(at);
    if (!quiet) this.body.querySelector(`[data-at="${at}"]`)?.scrollIntoView({ block: "nearest" });
    const [when, text, ids, state, , notes] = this.pieces[at];
    const gap = at ? when - this.pieces[at - 1][0] : when;
    const facts = [`piece ${at + 1} of ${this.pieces.length}`, ids?.length ? `id ${ids.map(spell).join(", ")}` : "no id told", JSON.stringify(text), `at ${seconds(when)} (+${seconds(gap)})`, state ? `parser: ${state}` : "", ...notes];
    this.detail.textContent = facts.filter(Boolean).join(" · ");
    this.select(at);
  }

  light(at) {
    this.body.querySelector(".piece.at")?.classList.remove("at");
    this.body.querySelector(`[data-at="${at}"]`)?.classList.add("at");
  }
}

function summary(pieces) {
  const told = pieces.reduce((sum, [, , ids]) => sum + (ids?.length ?? 0), 0);
  const ids = told ? `${count(told)} token ids` : "the engine told no token ids";
  return pieces.length ? `${count(pieces.length)} pieces, ${ids}. Click one to see where the parser stood.` : "";
}

/** Ids of texts that are not kept are not kept either. */
function spell(id) {
  return id < 0 ? "masked" : String(id);
}

function visible(text) {
  return text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅";
}
