// A long valley, ½(w₁² + 100w₂²): a learning rate, an average of gradients, and AdamW.
import { below, beside, brief, clicked, line, power, scale, window_ } from "./axes.mjs";
import { valley } from "./maths/descent.mjs";
import { shown } from "./parts.mjs";

const LEVELS = [0.1, 0.5, 1.5, 3, 5, 8, 12, 20, 40], LOWEST = 1e-6, HIGHEST = 1e3;

export const figure = {
  name: "valley",
  title: "Descent in a long valley",
  lesson: "02_backprop",
  start: () => ({ start: [2, 0.4], rate: 0.019, beta: 0, way: "SGD", steps: 60 }),
  size: (narrow) => (narrow ? [380, 580] : [760, 368]),
  any(random) {
    const beta = random() < 0.3 ? 0 : 0.9 * random(), way = random() < 0.5 ? "SGD" : "AdamW";
    const rate = way === "SGD" ? (0.019 * random() * (1 + beta)) / (1 - beta) : 0.2 * random();
    return { start: [4 * random() - 2, random() - 0.5], rate, beta, way, steps: 1 + Math.floor(40 * random()) };
  },
  compute: valley,
  build(f, state) {
    const right = f.narrow ? 370 : 430, x = scale([-1.2, 2.3], [44, right]), y = scale([-0.6, 0.8], [325, 25]);
    const inside = window_(f, [44, 25, right - 44, 300]);
    const plane = f.svg("rect", { x: 44, y: 25, width: right - 44, height: 300, class: "plane pick" });
    const hills = f.svg("g", { "clip-path": inside, class: "hills" });
    for (const level of LEVELS)
      f.svg("ellipse", { class: "hill", cx: x(0), cy: y(0), rx: x(Math.sqrt(2 * level)) - x(0), ry: y(0) - y(Math.sqrt(2 * level) / 10) }, hills);
    f.svg("path", { class: "cross", d: `M${x(0) - 6} ${y(0)}h12M${x(0)} ${y(0) - 6}v12` });
    below(f, x, 325, [-1, 0, 1, 2], "w₁, gentle");
    beside(f, y, 44, [-0.5, 0, 0.5], "w₂, 100 times as steep");
    const way = f.svg("path", { class: "way trained", "clip-path": inside });
    const steps = f.svg("path", { class: "steps trained", "clip-path": inside });
    const start = f.svg("circle", { r: 10, class: "wanted" });
    const clean = (v, most) => Math.min(most, Math.max(-most, +v.toFixed(3)));
    const set = ([a, b]) => (state.start = [clean(Math.max(-1.2, a), 2.3), clean(b, 0.6)]);
    f.point(start, {
      label: "Start, w₁ and w₂", min: -1.2, max: 2.3, step: 0.05, get: () => state.start, set,
      from: (px, py, from, x0, y0) => [from[0] + x.back(px) - x.back(x0), from[1] + y.back(py) - y.back(y0)],
    });
    clicked(f, plane, (px, py) => set([x.back(px), y.back(py)]));

    const [from, to, top, bottom] = f.narrow ? [50, 365, 420, 535] : [500, 745, 60, 290];
    const k = scale([0, state.steps], [from, to]), loss = scale([LOWEST, HIGHEST], [bottom, top], true);
    below(f, k, bottom, [0, state.steps / 2, state.steps], "steps");
    beside(f, loss, from, [1e-6, 1e-3, 1, 1e3], "loss, in powers of ten", power);
    const over = window_(f, [from, top, to - from, bottom - top]);
    const curve = f.svg("path", { class: "way trained", "clip-path": over });

    const adam = () => state.way === "AdamW";
    f.choice("step", [["SGD", "SGD"], ["AdamW", "AdamW"]], () => state.way, (v) => Object.assign(state, { way: v, beta: v === "SGD" ? 0 : 0.9, rate: v === "SGD" ? 0.019 : 0.1 }));
    f.slider({ label: "learning rate η", min: 0.001, max: adam() ? 0.3 : 0.05, step: 0.001, get: () => state.rate, set: (v) => (state.rate = v), text: (v) => shown(v, 3) });
    f.slider({ label: adam() ? "momentum β₁" : "momentum β", min: 0, max: 0.95, step: 0.05, get: () => state.beta, set: (v) => (state.beta = v) });
    return ({ path, losses }) => {
      start.setAttribute("cx", x(state.start[0]));
      start.setAttribute("cy", y(state.start[1]));
      const points = path.map(([a, b]) => [x(a), y(b)]).filter(([, b]) => Math.abs(b) < 1e6);
      way.setAttribute("d", line(points));
      steps.setAttribute("d", points.map(([a, b]) => `M${a.toFixed(1)} ${b.toFixed(1)}h0`).join(""));
      curve.setAttribute("d", line(losses.map((v, i) => [k(i), loss(Math.min(1e9, Math.max(v, 1e-12)))])));
    };
  },
  say({ way, rate, beta, steps }, { losses }) {
    const ends = losses.at(-1), grew = ends > losses[0] ? "flies off: after" : "after";
    const limit = (2 * (1 + beta)) / (100 * (1 - beta));
    const bound = way === "AdamW" ? "No step is much longer than η, however steep it is."
      : `SGD ${beta ? `with β = ${shown(beta)} ` : ""}is stable here at rates below ${shown(limit, 3)}.`;
    return `${way}, η = ${shown(rate, 3)}, ${grew} ${steps} steps the loss is ${brief(ends)}. ${bound}`;
  },
};
