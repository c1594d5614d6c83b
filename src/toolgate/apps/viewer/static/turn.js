// One request, as it is stored.

import { el, show } from "./element.js";
import { bindKeys } from "./keyboard.js";
import { ask } from "./server.js";

const main = document.getElementById("main");

async function start() {
  const id = new URLSearchParams(location.search).get("id") ?? "";
  bindKeys({ u: ["back to the list", () => location.assign("./")] });
  try {
    const told = await ask(`recordings/${encodeURIComponent(id)}/raw`);
    show(main, el("h1", {}, id), el("pre", {}, JSON.stringify(told, null, 2)));
  } catch (error) {
    show(main, el("h1", {}, id), el("p", {}, error.message));
  }
}

start();
