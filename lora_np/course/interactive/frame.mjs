// What every figure shares: its state, a picture, what one drags or moves by arrow keys, and a sentence
// that says the state, which a screen reader hears once the hand rests. README.md says how to add a figure.
import { button, choice, number, point, slider, svg, tag } from "./parts.mjs";

const NARROW = 560; // pixels: below, a figure is laid out anew
const RESTS = 400; // milliseconds until the sentence is said aloud

/** Show `figure` in `root`. `given` are settings in place of those it starts with. */
export function mount(root, figure, given = {}) {
  const live = { figure, state: { ...figure.start(), ...given }, by: "JavaScript", narrow: null };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let paint = () => {}, turn = 0, rest = 0;

  function build() {
    const [width, height] = figure.size(live.narrow, live.state);
    root.replaceChildren();
    root.classList.add("figure-live");
    root.setAttribute("aria-label", figure.title);
    root.setAttribute("role", "group");
    const picture = svg(root, "svg", { role: "group", "aria-label": "picture", viewBox: `0 0 ${width} ${height}`, style: `max-width:${1.35 * width}px` });
    const controls = tag(root, "div", { class: "controls" });
    live.says = tag(root, "p", { class: "state", "aria-hidden": true });
    live.heard = tag(root, "p", { class: "heard", role: "status" });
    live.who = tag(root, "small", { class: "who" });
    live.follow = []; // what shows a value of the state, beside what the figure itself paints
    const tools = { picture, controls, change, build: rebuild, follow: live.follow, narrow: live.narrow, still: still.matches };
    paint = figure.build({
      ...tools,
      svg: (name, attributes, parent = picture) => svg(parent, name, attributes),
      text: (x, y, words, kind = "", parent = picture) => svg(parent, "text", { x, y, class: kind }, words),
      number: (spec, parent = picture) => number(tools, parent, spec),
      point: (element, spec) => point(tools, element, spec),
      slider: (spec) => slider(tools, spec),
      button: (words, does) => button(tools, words, does),
      choice: (words, options, get, set) => choice(tools, words, options, get, set),
    }, live.state);
    change();
  }

  /** Build anew, where a change alters what there is to draw; the focus stays where it was. */
  function rebuild() {
    const all = () => [...root.querySelectorAll("[tabindex], button, input")];
    const at = all().indexOf(document.activeElement);
    build();
    if (at >= 0) all()[at]?.focus();
  }

  /** Compute and paint. Where the package has taken over, its numbers follow and are painted instead. */
  function change() {
    const began = performance.now(), { state } = live;
    show(figure.compute(state));
    live.took = performance.now() - began;
    live.first ??= performance.now();
    if (!live.ask) return;
    const mine = ++turn, own = live.numbers;
    live.ask(figure.name, state).then((numbers) => {
      live.gap = largestGap(own, numbers);
      live.by = "lora_np";
      if (mine === turn) show(numbers);
    });
  }

  function show(numbers) {
    live.numbers = numbers;
    paint(numbers);
    for (const follow of live.follow) follow();
    live.says.textContent = figure.say(live.state, numbers);
    live.who.textContent = live.by === "lora_np"
      ? `Computed by lora_np itself, ${live.where}; JavaScript's numbers differ by at most ${live.gap.toExponential(0)}.`
      : "Computed by JavaScript in this page.";
    clearTimeout(rest);
    rest = setTimeout(() => (live.heard.textContent = live.says.textContent), RESTS);
  }

  /** From now on the package computes: ask(name, state) is a promise of the same numbers. */
  live.takeOver = (ask, where = "in this page") => { Object.assign(live, { ask, where }); change(); };
  live.change = change;
  const fit = () => {
    const narrow = root.clientWidth < NARROW;
    if (narrow !== live.narrow) { live.narrow = narrow; rebuild(); }
  };
  fit();
  new ResizeObserver(fit).observe(root);
  root.live = live;
  return live;
}

/** The largest |a − b| over all numbers of two nested results with the same keys. */
export function largestGap(a, b) {
  if (typeof a === "number") return Math.abs(a - b);
  if (a === null || typeof a !== "object") return a === b ? 0 : Infinity;
  return Object.keys(a).reduce((most, key) => Math.max(most, largestGap(a[key], b[key])), 0);
}

/** Show every figure of the page: <div data-figure="paths" data-settings='{"alpha": 4}'>. */
export async function mountAll(page = document) {
  const mounted = [];
  for (const root of page.querySelectorAll("[data-figure]")) {
    const { figure } = await import(`./${root.dataset.figure}.mjs`);
    mounted.push(mount(root, figure, JSON.parse(root.dataset.settings ?? "{}")));
    await new Promise((painted) => setTimeout(painted)); // one is seen before the next is built
  }
  return mounted;
}
