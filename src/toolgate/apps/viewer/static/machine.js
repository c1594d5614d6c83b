// The parser as it moved: a ribbon of its states, and its family's table with what was walked lit.

import { el } from "./element.js";
import { kind, several } from "./words.js";

/** The states one after the other; `go(piece)` looks at where one begins. */
export function drawRibbon(turn, go) {
  const runs = readRuns(turn);
  if (runs.length < 2) return null;
  return el(
    "ol.ribbon",
    { "aria-label": "The parser’s states, in their order" },
    runs.map((run) =>
      el(
        "li",
        { "data-state": run.state, "data-odd": Boolean(run.odd), "data-moves": run.moves, class: `grow-${weight(run.length)}` },
        el("button", { type: "button", title: run.odd ? `after ${kind(run.odd)}` : run.marker || "", onclick: () => go(run.begin) }, run.state, el("span.amount", {}, run.length)),
      ),
    ),
  );
}

/** Stretches of pieces with one state. */
function readRuns(turn) {
  const ends = turn.pieces.length;
  const runs = [{ state: turn.start, begin: 0, marker: "", odd: "", moves: 0 }];
  turn.moves.forEach((move, at) => runs.push({ state: move.to, begin: move.piece, marker: move.marker, odd: move.odd, moves: at + 1 }));
  runs.forEach((run, at) => {
    run.length = Math.max((runs[at + 1]?.begin ?? ends) - run.begin, 0);
  });
  return runs.filter((run, at) => run.length > 0 || at > 0);
}

function weight(length) {
  return Math.min(Math.ceil(Math.log2(length + 1)), 9);
}

/** The table, by the states that it leads from. */
export function drawTable(turn) {
  const walked = new Map();
  for (const move of turn.moves) walked.set(key(move), (walked.get(key(move)) ?? 0) + 1);
  const visited = new Set([turn.start, ...turn.moves.map((move) => move.to)]);
  const states = [...new Set(turn.table.flatMap((step) => [step.start, step.to]))].filter((state) => state !== "outer");
  const jumps = turn.moves.filter((move) => !move.marker);
  return el(
    "div",
    {},
    el("div.states", {}, states.map((state) => drawState(state, turn.table, walked, visited))),
    jumps.length ? el("p.soft", {}, `${several(jumps.length, "move")} without a marker: ${jumps.map((move) => `${move.start} → ${move.to}`).join(", ")}.`) : null,
  );
}

/** The same walk is the same, wherever `outer` led. */
function key({ start, role }) {
  return `${start}\n${role}`;
}

function drawState(state, table, walked, visited) {
  const steps = table.filter((step) => step.start === state);
  const told = steps.filter((step) => !step.odd || walked.has(key(step)));
  const hidden = steps.length - told.length;
  return el(
    "section.state",
    { "data-state": state, "data-visited": visited.has(state), "aria-label": `State ${state}` },
    el("h4", {}, state),
    el(
      "ul",
      {},
      told.map((step) =>
        el(
          "li",
          { "data-walked": walked.has(key(step)), "data-odd": Boolean(step.odd), "data-key": key(step) },
          el("span.special", {}, step.marker),
          ` → ${step.to}`,
          step.odd ? el("span.chip.warn", {}, kind(step.odd)) : null,
          walked.has(key(step)) ? el("span.amount", {}, `×${walked.get(key(step))}`) : null,
        ),
      ),
    ),
    hidden ? el("p.soft", {}, `${several(hidden, "other way")} that models leave it, not seen here`) : null,
  );
}

/** Lights where the parser stood at a piece, in the table and in the ribbon. */
export function lightState(place, turn, piece) {
  const moves = turn.moves.filter((move) => move.piece <= piece);
  const last = moves.at(-1);
  const state = last?.to ?? turn.start;
  for (const one of place.querySelectorAll(".state")) one.classList.toggle("now", one.dataset.state === state);
  for (const one of place.querySelectorAll(".state li")) one.classList.toggle("now", last?.piece === piece && one.dataset.key === key(last));
  for (const one of place.querySelectorAll(".ribbon li")) one.classList.toggle("now", Number(one.dataset.moves) === moves.length);
}
