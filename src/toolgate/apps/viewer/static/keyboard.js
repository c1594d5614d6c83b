// The pages by keyboard, and the help that says how.

import { el } from "./element.js";

/** `keys`: key → [what it does in words, function]. `?` shows them all. */
export function bindKeys(keys) {
  const help = makeHelp(keys);
  document.getElementById("help").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "Escape" && isTyping) return event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || help.open) return undefined;
    if (event.key === "?") return help.showModal();
    const bound = keys[event.key];
    if (!bound) return undefined;
    event.preventDefault();
    return bound[1](event);
  });
}

/** Moves the focus among the elements that `find` gives, by so many. */
export function moveFocus(find, by) {
  const all = [...find()];
  if (!all.length) return;
  const at = all.indexOf(document.activeElement?.closest("[data-stop]") ?? document.activeElement);
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function makeHelp(keys) {
  const lines = Object.entries(keys).map(([key, [what]]) => [
    el("dt", {}, el("kbd", {}, key)),
    el("dd", {}, what),
  ]);
  const dialog = el(
    "dialog",
    { "aria-labelledby": "help-title" },
    el("h2", { id: "help-title" }, "Keyboard"),
    el("dl.keys", {}, lines, el("dt", {}, el("kbd", {}, "?")), el("dd", {}, "this help")),
    el("form", { method: "dialog" }, el("button", { autofocus: true }, "Close")),
  );
  document.body.append(dialog);
  return dialog;
}
