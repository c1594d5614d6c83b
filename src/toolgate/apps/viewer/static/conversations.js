// The list of conversations, live.

import { el, show } from "./element.js";
import { bindKeys, moveFocus } from "./keyboard.js";
import { ask, listen } from "./server.js";
import { count, fullTime, kind, seconds, several, when } from "./words.js";

const FILTERS = ["model", "client", "outcome", "tool", "anomaly", "repair", "finding"];
const PAGE = 50;
const CALM = 250; // ms between two looks, however much is new

const main = document.getElementById("main");
const search = el("input", { type: "search", id: "text", placeholder: "Find in titles, tools, ids" });
const selects = Object.fromEntries(FILTERS.map((name) => [name, el("select", { id: name })]));
const summary = el("summary", {}, "Filters");
const status = el("p.soft", { role: "status" });
const runningList = el("ul.rows", { "aria-label": "Being answered now" });
const list = el("ul.rows", { "aria-label": "Conversations, the newest first" });
const older = el("button", { type: "button", hidden: true, onclick: () => load({ more: true }).catch((error) => { status.textContent = error.message; }) }, "Older");
let shown = [];
let running = [];
let newest = null;
let isLoaded = false;
let applied = {}; // the filters of what is shown; an answer to others is late
let typing = 0;
let waiting = 0;

function draw() {
  const isWide = matchMedia("(min-width: 48rem)").matches;
  show(
    main,
    el("h1", {}, "Conversations"),
    el(
      "form.filters",
      { role: "search", onsubmit: (event) => event.preventDefault() },
      el("label.search", { for: "text" }, el("span.hidden", {}, "Find"), search),
      el(
        "details",
        { open: isWide || chosen().length > 0 },
        summary,
        el("div.selects", {}, FILTERS.map((name) => el("label", { for: name }, name, selects[name]))),
      ),
    ),
    status,
    runningList,
    list,
    older,
  );
}

/** What is set, by name. */
function wanted() {
  const given = { text: search.value.trim() };
  for (const name of FILTERS) given[name] = selects[name].value;
  return given;
}

function chosen() {
  return FILTERS.filter((name) => selects[name].value);
}

/** The address says what is set, so that it can be sent and gone back to. */
function readAddress() {
  const given = new URLSearchParams(location.search);
  search.value = given.get("text") ?? "";
  for (const name of FILTERS) offer(name, [], given.get(name) ?? "");
}

function writeAddress() {
  const given = new URLSearchParams(Object.entries(wanted()).filter(([, value]) => value));
  history.replaceState(null, "", given.size ? `?${given}` : location.pathname);
}

function offer(name, values, value) {
  const all = [...new Set([...values, value])].filter(Boolean);
  const options = all.map((one) => el("option", { value: one }, kind(one)));
  show(selects[name], el("option", { value: "" }, "any"), options);
  selects[name].value = value;
}

async function loadChoices() {
  const choices = await ask("choices");
  for (const name of FILTERS) offer(name, choices[name] ?? [], selects[name].value);
}

/** The first page, or the next one; `anew` in place of what is shown, else into it. */
async function load({ more = false, anew = false } = {}) {
  if (anew) applied = wanted();
  const asked = applied;
  const before = more ? Math.min(...shown.map((one) => one.newest.number)) : 0;
  const page = await ask("conversations", { ...asked, before, limit: PAGE });
  if (asked !== applied) return;
  const isWhole = page.length < PAGE;
  const last = shown[0]?.newest.number ?? 0;
  const isTorn = !more && !isWhole && page.at(-1).newest.number > last; // more came than a page holds
  if (isTorn) applied = { ...applied };
  if (anew || isTorn || more) older.hidden = isWhole;
  shown = anew || isTorn ? page : merge(shown, page);
  isLoaded = true;
  drawRows();
}

/** Each conversation once, by its newest request, in whichever order the pages came. */
function merge(...pages) {
  const each = new Map();
  for (const one of pages.flat()) {
    const key = one.conversation || one.newest.id;
    if (!(each.get(key)?.newest.number > one.newest.number)) each.set(key, one);
  }
  return [...each.values()].sort((a, b) => b.newest.number - a.newest.number);
}

function drawRows() {
  const focused = document.activeElement?.closest?.("a.row")?.getAttribute("href");
  const now = running.filter(isWanted);
  show(runningList, now.map((row) => line(row, 1)));
  show(list, shown.map((one) => line(one.newest, one.requests)));
  const amount = shown.length + (older.hidden ? "" : "+");
  const under = now.length ? `, ${now.length} being answered` : "";
  status.textContent = shown.length || now.length ? `${amount} shown${under}` : "";
  if (isLoaded && !shown.length && !now.length) explainNothing().catch(() => {});
  summary.textContent = chosen().length ? `Filters (${chosen().length})` : "Filters";
  if (focused) main.querySelector(`a.row[href="${CSS.escape(focused)}"]`)?.focus();
}

/** A request under way, by what is known of it so far. */
function isWanted(row) {
  const { text, model, client, tool, anomaly, outcome } = wanted();
  const told = `${row.id} ${row.title} ${row.client} ${row.tools}`.toLowerCase();
  const isSame = (given, value) => !given || given === value;
  return (
    told.includes(text.toLowerCase()) &&
    isSame(model, row.model) &&
    isSame(client, row.client) &&
    (!tool || row.tools.includes(tool)) &&
    (!anomaly || row.anomalies.includes(anomaly)) &&
    !outcome
  );
}

async function explainNothing() {
  const about = await ask("about");
  if (list.children.length) return;
  const isFiltered = search.value || chosen().length;
  const how = "toolgate serve --trace-file traces.db --trace-contents on";
  show(
    list,
    el(
      "li.nothing",
      {},
      isFiltered
        ? "Nothing that is recorded fits."
        : about.file
          ? "Nothing is recorded yet. Send a request, and it appears here."
          : ["Nothing is recorded by this gateway. Start it with ", el("code", {}, how), "."],
    ),
  );
}

function line(row, requests) {
  const odd = [
    ...row.findings.map((one) => el("span.chip.bad", {}, kind(one))),
    ...row.anomalies.map((one) => el("span.chip.warn", {}, kind(one))),
    row.repairs.length ? el("span.chip", {}, several(row.repairs.length, "repair")) : null,
  ];
  const called = row.tools.length ? el("span.mono", {}, row.tools.join(", ")) : null;
  const failed = row.status >= 400 ? `HTTP ${row.status}` : null;
  const facts = [row.model, row.client, failed, requests > 1 ? several(requests, "request") : null, called];
  const isRunning = row.outcome === "running";
  return el(
    "li",
    {},
    el(
      "a.row",
      { href: `turn.html?id=${encodeURIComponent(row.id)}`, "data-outcome": row.outcome },
      el("time", { datetime: new Date(row.started * 1000).toISOString(), title: fullTime(row.started) }, when(row.started)),
      el(
        "span.what",
        {},
        el("span.title", {}, row.title || row.path),
        el("span.facts", {}, facts.filter(Boolean).map((fact) => el("span", {}, fact))),
      ),
      el("span.odd", {}, el(`span.outcome.${mood(row)}`, {}, kind(row.outcome)), odd),
      el("span.figures", {}, el("span", {}, `${count(row.prompt_tokens)} → ${isRunning ? "…" : count(row.completion_tokens)}`), el("span", { "data-since": isRunning ? row.started : null }, seconds(row.seconds))),
    ),
  );
}

function mood({ outcome }) {
  if (outcome === "running") return "live";
  return ["stop", "tool_calls"].includes(outcome) ? "fine" : "bad";
}

/** The clocks of those under way go on between two changes. */
function tick() {
  for (const clock of runningList.querySelectorAll("[data-since]")) {
    clock.textContent = seconds(Date.now() / 1000 - Number(clock.dataset.since));
  }
}

async function refresh(how = {}) {
  try {
    await Promise.all([load(how), loadChoices()]);
  } catch (error) {
    status.textContent = error.message;
  }
}

function hear(change) {
  running = change.running;
  const isNew = newest !== null && change.newest !== newest;
  newest = change.newest;
  drawRows();
  if (!isNew) return;
  waiting ||= setTimeout(() => {
    waiting = 0;
    refresh();
  }, CALM);
}

async function start() {
  readAddress();
  draw();
  const changed = () => {
    writeAddress();
    refresh({ anew: true });
  };
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(changed, CALM);
  });
  for (const name of FILTERS) selects[name].addEventListener("change", changed);
  const rows = () => main.querySelectorAll("a.row");
  bindKeys({
    j: ["next conversation", () => moveFocus(rows, 1)],
    k: ["previous conversation", () => moveFocus(rows, -1)],
    Enter: ["open it", () => document.activeElement?.click?.()],
    "/": ["find", () => search.focus()],
  });
  try {
    await Promise.all([load({ anew: true }), loadChoices()]);
  } catch (error) {
    show(list, el("li.nothing", {}, error.message));
  }
  listen(hear);
  setInterval(tick, 1000);
}

start();
