// The smallest LoRA: the loss ½(AB − t)² over A and B, with a start that one clicks.
import { anew, below, beside, brief, clicked, line, plain, scale, upTo, window_ } from "./axes.mjs";
import { smallest } from "./maths/descent.mjs";
import { shown } from "./parts.mjs";

const REACH = 1.8, LEVELS = [0.02, 0.1, 0.3, 0.8, 1.5, 3];
const STARTS = { "Both zero": [0, 0], "Both 0.001": [0.001, 0.001], "B zero, as LoRA": [0.8, 0], "Both random": [-1.1, 0.7] };

export const figure = {
  name: "landscape",
  title: "The loss over A and B, where the smallest LoRA starts and goes",
  lesson: "03_rank_alpha_init",
  start: () => ({ start: [0.8, 0], target: 1, rate: 0.05, steps: 250 }),
  size: (narrow) => (narrow ? [380, 600] : [760, 398]),
  any: (random) => ({ // at rates past the slider's too, where some paths fly off
    start: [0, 0].map(() => 3.6 * random() - 1.8), target: 0.5 + random(), rate: 2 * random(), steps: 1 + Math.floor(40 * random()),
  }),
  compute: smallest,
  build(f, state) {
    const a = scale([-REACH, REACH], [40, 370]), b = scale([-REACH, REACH], [355, 25]);
    const inside = window_(f, [40, 25, 330, 330]);
    const plane = f.svg("rect", { x: 40, y: 25, width: 330, height: 330, class: "plane pick" });
    const hills = f.svg("g", { "clip-path": inside, class: "hills" });
    for (const level of LEVELS) for (const sign of [1, -1]) curve(state.target + sign * Math.sqrt(2 * level), "hill");
    curve(state.target, "way");
    below(f, a, 355, [-1, 0, 1], "A");
    beside(f, b, 40, [-1, 0, 1], "B");
    f.text(a(0.72), b(1.62), "AB = t", "small muted start");
    const way = f.svg("path", { class: "way trained", "clip-path": inside });
    const steps = f.svg("path", { class: "steps trained", "clip-path": inside });
    const last = f.svg("circle", { r: 5, class: "reached", "clip-path": inside });
    const start = f.svg("circle", { r: 10, class: "wanted" });
    const set = (at) => (state.start = at.map((v) => Math.min(REACH, Math.max(-REACH, +v.toFixed(3)))));
    f.point(start, {
      label: "Start, A and B", min: -REACH, max: REACH, step: 0.05, get: () => state.start, set,
      from: (x, y, from, x0, y0) => [from[0] + a.back(x) - a.back(x0), from[1] + b.back(y) - b.back(y0)],
    });
    clicked(f, plane, (x, y) => set([a.back(x), b.back(y)]));

    const [left, top] = f.narrow ? [50, 425] : [440, 60], right = f.narrow ? 365 : 745, bottom = f.narrow ? 550 : 315;
    const axis = f.svg("g", {}), curveBelow = f.svg("path", { class: "way trained" });
    const k = scale([0, state.steps], [left, right]);
    below(f, k, bottom, [0, state.steps / 2, state.steps], "steps");

    f.slider({ label: "learning rate", min: 0.01, max: 0.5, step: 0.01, get: () => state.rate, set: (v) => (state.rate = v) });
    for (const [words, at] of Object.entries(STARTS)) f.button(words, () => (state.start = [...at]));

    function curve(product, kind) {
      for (const side of [1, -1]) {
        const at = Array.from({ length: 60 }, (_, i) => side * 0.02 * (REACH / 0.02) ** (i / 59));
        f.svg("path", { class: kind, d: line(at.map((v) => [a(v), b(product / v)])) }, hills);
      }
    }
    return ({ path, losses }) => {
      start.setAttribute("cx", a(state.start[0]));
      start.setAttribute("cy", b(state.start[1]));
      const points = path.map(([x, y]) => [a(x), b(y)]);
      way.setAttribute("d", line(points));
      steps.setAttribute("d", points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join(""));
      const [x, y] = points.at(-1);
      last.setAttribute("cx", x);
      last.setAttribute("cy", y);
      const [high, ticks] = upTo(Math.max(...losses)), loss = scale([0, high], [bottom, top]);
      beside(anew(f, axis), loss, left, ticks, "loss", plain);
      curveBelow.setAttribute("d", line(losses.map((v, i) => [k(i), loss(v)])));
    };
  },
  say({ start: [a, b], rate, steps }, { path, losses, arrived }) {
    const from = `From A = ${shown(a, 3)}, B = ${shown(b, 3)} at rate ${shown(rate)}`;
    if (a === 0 && b === 0) return `${from}: both gradients are zero, and it never moves. The loss stays ${shown(losses[0])}.`;
    if (losses.length <= steps) return `${from}: too large a step, and the loss flies off at step ${losses.length - 1}.`;
    const [x, y] = path.at(-1);
    if (arrived < 0) return `${from}: after ${steps} steps the loss is ${brief(losses.at(-1))}, at A = ${shown(x)}, B = ${shown(y)}.`;
    const first = a === 0 || b === 0 ? ` The first step moves ${a === 0 ? "A" : "B"} alone.` : "";
    return `${from}: it reaches the valley AB = t after ${arrived} steps.${first}`;
  },
};
