// One request: what happened to its calls, and everything that shows why.

import { drawCalls } from "./calls.js";
import { drawDifference, drawOddities } from "./changes.js";
import { el, show } from "./element.js";
import { bindKeys, moveFocus } from "./keyboard.js";
import { drawRibbon, drawTable, lightState } from "./machine.js";
import { drawMessages } from "./messages.js";
import { drawPrompt } from "./prompt.js";
import { ask, listen } from "./server.js";
import { Stream } from "./stream.js";
import { drawTimings } from "./timings.js";
import { count, fullTime, kind, seconds, several, when } from "./words.js";

const LOOK_MS = 600; // between two looks at a request under way
const PATIENCE = 12; // looks without an answer: it is over, and being stored
const SIGNS = { good: "✓", warn: "!", bad: "✗", live: "…" };

const main = document.getElementById("main");
const id = new URLSearchParams(location.search).get("id") ?? "";
const head = el("div.head");
const body = el("div.sections");
let page = null;
let shownTurn = -1;
let drawnHead = [];
let streams = [];

async function look() {
  return ask(`recordings/${encodeURIComponent(id)}`);
}

function drawHead() {
  const { row, headline, recording } = page;
  document.title = `${row.title || row.path} · toolgate`;
  const facts = [row.model, row.client, `${recording.method} ${row.path}`, row.status ? `HTTP ${row.status}` : null, recording.stream ? "streamed" : "whole", seconds(row.seconds), `contents ${row.contents}`];
  replaceChanged([
    el("p.crumbs", {}, el("a", { href: "./" }, "Conversations"), " / ", el("span.mono", {}, row.id)),
    el("h1", {}, row.title || row.path),
    el("p.facts", {}, el("span", {}, el("time", { datetime: new Date(row.started * 1000).toISOString() }, fullTime(row.started))), facts.filter(Boolean).map((fact) => el("span", {}, fact))),
    el("p.headline", { "data-mood": headline.mood, role: "status" }, el("span.sign", { "aria-hidden": "true" }, SIGNS[headline.mood]), el("strong", {}, headline.text)),
    drawNeighbours(),
    page.turns.length > 1 ? drawAttempts() : null,
    el("section", { "aria-label": "Calls", id: "calls" }, page.turns.length ? drawCalls(turn()) : null),
  ]);
}

/** What is as it was stays where it is: somebody may have opened it, or be reading it. */
function replaceChanged(nodes) {
  const fresh = nodes.filter(Boolean).map((node) => ({ node, drawn: node.cloneNode(true) }));
  for (const left of drawnHead.slice(fresh.length)) left.node.remove();
  drawnHead = fresh.map((one, at) => {
    const before = drawnHead[at];
    if (before?.drawn.isEqualNode(one.drawn)) return before;
    if (before) before.node.replaceWith(one.node);
    else head.append(one.node);
    return one;
  });
}

/** The conversation's requests, in their order. */
function drawNeighbours() {
  if (page.neighbours.length < 2) return null;
  return el(
    "nav.strip",
    { "aria-label": "Requests of this conversation" },
    el(
      "ol",
      {},
      page.neighbours.map((row, at) =>
        el("li", {}, el("a", { href: `turn.html?id=${encodeURIComponent(row.id)}`, "aria-current": row.id === page.row.id ? "page" : null, title: row.title, "data-bad": row.findings.length > 0 }, `${at + 1}`, el("span.mono", {}, row.tools.join(", ") || kind(row.outcome)), el("time", {}, when(row.started)))),
      ),
    ),
  );
}

/** Several turns: choices, or the model was asked again. */
function drawAttempts() {
  return el(
    "div.switch",
    { role: "group", "aria-label": "Turns of this request" },
    page.turns.map((one, at) => {
      const again = one.trace.retries ? `, asked again (${one.trace.retries})` : "";
      return el("button", { type: "button", "aria-pressed": String(at === current()), onclick: () => { shownTurn = at; redraw(); } }, `Turn ${at + 1}: choice ${(one.trace.choice ?? 0) + 1}${again}`);
    }),
  );
}

function current() {
  return shownTurn < 0 ? page.turns.length - 1 : shownTurn;
}

function turn() {
  return page.turns[current()];
}

function section(name, title, ...children) {
  return el(`section.part.${name}`, { id: name, "aria-labelledby": `${name}-title`, tabindex: "-1", "data-stop": true }, el("h2", { id: `${name}-title` }, title), children);
}

function drawBody() {
  const one = turn();
  if (!one) return show(body, drawRaw());
  const stream = new Stream((piece) => lightState(body, turn(), piece));
  streams = [stream];
  const ribbon = el("div", { id: "ribbon" }, drawRibbon(one, (piece) => stream.look(piece)));
  const timings = drawTimings(one, page.row);
  const { dialect, profile, finish_reason: finish } = { ...one.trace, finish_reason: one.trace.message.finish_reason };
  show(
    body,
    section("output", "What the model wrote", ribbon, stream.element),
    section("parser", "The parser", el("p.soft", {}, `${dialect}${profile ? `, ${profile}` : ""}; ended: ${kind(finish ?? "not yet")}`), one.table.length ? drawTable(one) : el("p.soft", {}, `No family ${dialect} is installed here.`)),
    section("conversation", "The conversation, as the model saw it", drawMessages(one)),
    section("prompt", "The prompt", drawPrompt(one)),
    section("times", "Times", timings.element),
    section("oddities", "Mended and odd", drawOddities(one, page.recording.findings ?? [])),
    section("difference", "What the client sent, what the model saw", drawDifference(one.difference)),
    drawRaw(),
  );
  stream.update(one.pieces, one.moves);
  timings.draw();
  return body;
}

function drawRaw() {
  const sent = turn()?.trace.sent ?? [];
  return section(
    "engine",
    "What the engine was asked",
    sent.map((one) => el("details", {}, el("summary", {}, el("span.mono", {}, one.path), ` after ${seconds(one.at)}${one.tokens ? `, ${several(one.tokens, "token")}` : ""}`), el("pre", { tabindex: "0" }, JSON.stringify(one.body, null, 2)))),
    sent.length ? null : el("p.soft", {}, "Nothing."),
    el("p", {}, el("a", { href: `api/recordings/${encodeURIComponent(id)}/raw` }, "The whole recording, as JSON"), el("span.soft", {}, ` (${count(page.recording.request_bytes ?? 0)} bytes asked, ${count(page.recording.answer_bytes ?? 0)} bytes answered)`)),
  );
}

function redraw() {
  drawHead();
  drawBody();
}

/** While it is answered: what is new is added, and nothing else is touched. */
function grow() {
  drawHead();
  const one = turn();
  if (!one) return;
  if (!streams.length) return drawBody();
  show(document.getElementById("ribbon"), drawRibbon(one, (piece) => streams[0].look(piece)) ?? "");
  streams[0].update(one.pieces, one.moves);
  return undefined;
}

async function follow() {
  let misses = 0;
  while (page.recording.running) {
    const began = performance.now();
    try {
      page = await look();
      misses = 0;
    } catch (error) {
      misses += 1;
      if (misses > PATIENCE) throw error;
    }
    if (page.recording.running) grow();
    await new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_MS, 5 * (performance.now() - began))));
  }
  redraw();
}

/** A later request may bring the result that this one waits for. */
function hear() {
  let newest = null;
  listen(async (change) => {
    const isNew = newest !== null && change.newest !== newest;
    newest = change.newest;
    if (!isNew || page?.recording.running !== false) return;
    const now = await look().catch(() => page); // the next change is another occasion
    if (JSON.stringify(now.neighbours) === JSON.stringify(page.neighbours)) return;
    page = now;
    drawHead();
  });
}

function visit(by) {
  const at = page?.neighbours.findIndex((row) => row.id === id) ?? -1;
  const next = page?.neighbours[at + by];
  if (at >= 0 && next) location.assign(`turn.html?id=${encodeURIComponent(next.id)}`);
}

async function start() {
  const parts = () => body.querySelectorAll("section.part");
  bindKeys({
    j: ["next section", () => moveFocus(parts, 1)],
    k: ["previous section", () => moveFocus(parts, -1)],
    t: ["text or tokens", () => streams[0]?.toggle()],
    "]": ["next request of the conversation", () => visit(1)],
    "[": ["previous request", () => visit(-1)],
    u: ["back to the list", () => location.assign("./")],
  });
  show(main, head, body);
  try {
    page = await look();
    redraw();
    hear();
    await follow();
  } catch (error) {
    show(main, el("h1", {}, id || "No request is named"), el("p.headline", { "data-mood": "bad" }, error.message), el("p", {}, el("a", { href: "./" }, "Conversations")));
  }
}

start();
