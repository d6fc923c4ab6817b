// What a figure is made of: elements, numbers and points that one drags or moves by arrow keys, sliders, buttons.

/** A number as it is read: two decimals, a true minus sign, never −0. */
export const shown = (v, digits = 2) => (Object.is(+v.toFixed(digits), -0) ? 0 : v).toFixed(digits).replace("-", "−");

export const svg = (parent, name, attributes, words) =>
  fill(parent, document.createElementNS("http://www.w3.org/2000/svg", name), attributes, words);
export const tag = (parent, name, attributes, words) => fill(parent, document.createElement(name), attributes, words);

function fill(parent, element, attributes = {}, words) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  parent.append(element);
  return element;
}

/** Write `words` into an element; what is new lights up. */
export function put(element, words) {
  if (element.textContent === words) return;
  const anew = element.textContent !== "";
  element.textContent = words;
  element.classList.remove("moved");
  if (anew) requestAnimationFrame(() => element.classList.add("moved"));
}

/**
 * Let `element` be dragged, and moved by arrow keys. `get()` is a number, or [x, y]; `set` takes the same.
 * `from(x, y, start, x0, y0)` is the value for a pointer at (x, y) of the picture, dragged from (x0, y0).
 * Page keys move ten steps, Home and End go to the ends.
 */
export function point(tools, element, { label, get, set, from, min = -1, max = 1, step = 0.05, digits = 2 }) {
  const numbers = () => [get()].flat();
  const clean = (v) => Math.min(max, Math.max(min, +(Math.round(v / step) * step).toFixed(6)));
  const move = (values) => {
    const next = values.map(clean);
    if (next.every((v, i) => v === numbers()[i])) return;
    set(next.length > 1 ? next : next[0]);
    tools.change();
  };
  const said = { role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": min, "aria-valuemax": max };
  for (const [name, value] of Object.entries(said)) element.setAttribute(name, value);
  element.classList.add("handle");
  tools.follow.push(() => {
    element.setAttribute("aria-valuenow", numbers()[0]);
    element.setAttribute("aria-valuetext", numbers().map((v) => shown(v, digits)).join(", "));
  });
  element.addEventListener("keydown", (event) => {
    const [x, y = null] = numbers(), far = event.key.startsWith("Page") ? 10 : 1, by = far * step;
    const up = { ArrowUp: by, ArrowDown: -by, PageUp: by, PageDown: -by }[event.key] ?? 0;
    const right = { ArrowRight: by, ArrowLeft: -by }[event.key] ?? 0;
    const end = { Home: min, End: max }[event.key];
    if (!up && !right && end === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // of a notebook, whose own keys they are too
    move(y === null ? [end ?? x + up + right] : [end ?? x + right, y + up]);
  });
  const at = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(tools.picture.getScreenCTM().inverse());
    return [x, y];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    const start = get(), [x0, y0] = at(event);
    const drag = (moved) => move([from(...at(moved), start, x0, y0)].flat());
    element.addEventListener("pointermove", drag);
    element.addEventListener("lostpointercapture", () => element.removeEventListener("pointermove", drag), { once: true });
  });
}

/** A box with a number; with `set` it is dragged, right or up for more. Returns a function that shows a value. */
export function number(tools, parent, { x, y, width = 54, height = 28, kind = "given", label, set, get, digits = 2, ...spec }) {
  const group = svg(parent, "g", { class: kind });
  svg(group, "rect", { x, y, width, height, rx: 4 });
  const words = svg(group, "text", { x: x + width / 2, y: y + Math.min(height, 28) / 2 + 5.5 });
  if (set) {
    const step = spec.step ?? 0.05;
    const from = (px, py, start, x0, y0) => start + step * Math.round((px - x0 - (py - y0)) / 4);
    point(tools, group, { label, get, set, from, digits, ...spec });
    svg(group, "path", { class: "grip", d: `M${x + width / 2 - 8} ${y + height - 4}h16` });
  }
  else if (label) group.setAttribute("role", "img"); // with a name that holds its value, for a screen reader
  return (value) => {
    put(words, shown(value, digits));
    if (!set && label) group.setAttribute("aria-label", `${label}: ${shown(value, digits)}`);
  };
}

export function slider(tools, { label, min, max, step, get, set, text = shown }) {
  const box = tag(tools.controls, "label", { class: "slider" });
  tag(box, "span", {}, label);
  // JupyterLab's own shortcuts take the arrow keys unless the last attribute stands there
  const input = tag(box, "input", { type: "range", min, max, step, "aria-label": label, "data-lm-suppress-shortcuts": true });
  const value = tag(box, "span", { class: "value" }); // no <output>, which would be read aloud beside the sentence
  input.addEventListener("input", () => { set(+input.value); tools.change(); });
  tools.follow.push(() => {
    input.value = get();
    input.setAttribute("aria-valuetext", text(get()));
    value.textContent = text(get());
  });
  return input;
}

export function button(tools, words, does) {
  const made = tag(tools.controls, "button", { type: "button" }, words);
  made.addEventListener("click", () => { does(); tools.change(); });
  return made;
}

/** Some buttons of which one is pressed: `options` are [words, value]. The figure is built anew. */
export function choice(tools, words, options, get, set) {
  const group = tag(tools.controls, "div", { class: "choice", role: "group", "aria-label": words });
  tag(group, "span", {}, words);
  for (const [name, value] of options) {
    const made = tag(group, "button", { type: "button" }, name);
    made.addEventListener("click", () => { set(value); tools.build(); });
    tools.follow.push(() => made.setAttribute("aria-pressed", get() === value));
  }
}
