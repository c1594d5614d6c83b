// Asks the server, and listens to it.

const API = "api/";

/** What the server answers; an error's sentence is thrown. */
export async function ask(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  const answer = await fetch(API + path + (query ? `?${query}` : ""));
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error?.message ?? `The server answers ${answer.status}.`);
  return body;
}

/** Calls `hear({ newest, running })` whenever something is new, and shows whether it still can. */
export function listen(hear) {
  const light = document.getElementById("live");
  const source = new EventSource(`${API}live`);
  const say = (text, state) => {
    light.textContent = text;
    light.dataset.state = state;
  };
  source.addEventListener("open", () => say("live", "on"));
  source.addEventListener("error", () => say("not connected", "off"));
  source.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  addEventListener("pagehide", () => source.close());
  return source;
}
