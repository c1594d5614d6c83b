// Makes elements. Whatever comes from a model or a client goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** `el("a.chip", { href: "…" }, "text", other)`; null and false among the children are left out. */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag || "div");
  if (classes.length) made.classList.add(...classes);
  return fill(made, attributes, children);
}

/** The same for drawings. */
export function svg(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElementNS(SVG, tag);
  if (classes.length) made.classList.add(...classes);
  return fill(made, attributes, children);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("data-")) made.setAttribute(key, value);
    else if (value === false) continue;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...present(children));
  return made;
}

/** Puts these in place of what is in there. */
export function show(place, ...children) {
  place.replaceChildren(...present(children));
  return place;
}

function present(children) {
  return children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);
}
