// NF4 in blocks: each block has its own sixteen marks, and an outlier stretches those of its block alone.
import { below, scale } from "./axes.mjs";
import { inBlocks } from "./maths/blocks.mjs";
import { shown } from "./parts.mjs";

const SIZES = [64, 32, 16, 8], REACH = 6;
const WEIGHTS = [ // 64 of a normal distribution of standard deviation 1; the last is the one to drag
  0.35, 0.82, 0.33, -1.3, 0.91, 0.45, -0.54, 0.58, 0.36, 0.29, 0.03, 0.55, -0.74, -0.16, -0.48, 0.6, 0.04, -0.29, -0.78, -0.26, -0.01, -0.27,
  1.29, 1.02, -0.16, 0.8, 0.52, 0.26, -0.38, 0.01, 0.75, 0.82, -1.35, -0.65, -0.01, 1.54, -0.65, -0.05, 0.78, 1.49, -1.26, 1.51, 1.35, 0.78,
  0.26, -0.31, 1.46, 1.96, 1.8, 1.32, 0.36, 0.61, 0.39, -0.76, -0.29, -1.1, 2.0, 0.5, -1.46, -0.5, -1.1, -0.87, 0.28, 1.1];

export const figure = {
  name: "blocks",
  title: "A row of 64 weights in blocks, and an outlier",
  lesson: "05_nf4",
  start: () => ({ weights: [...WEIGHTS], size: 16 }),
  size: (narrow, { size }) => [narrow ? 380 : 760, (64 / size) * 58 + 58],
  any: (random) => ({ weights: WEIGHTS.map(() => (6 * random() - 3) * (random() < 0.05 ? 2 : 1)), size: SIZES[Math.floor(4 * random())] }),
  compute: ({ weights, size }) => inBlocks(weights, size),
  build(f, state) {
    const [from, to] = f.narrow ? [16, 262] : [24, 600], x = scale([-REACH, REACH], [from, to]), count = 64 / state.size;
    const lines = Array.from({ length: count }, (_, i) => {
      const y = 52 + 58 * i, last = i === count - 1;
      f.svg("path", { class: "axis", d: `M${from} ${y}H${to}` });
      const marks = f.svg("path", { class: "mark thin" }), dots = f.svg("g", { class: "small-dots" });
      const own = state.weights.slice(state.size * i, state.size * (i + 1)).map(() => f.svg("circle", { r: 3, cy: y - 14 }, dots));
      if (last) own.pop().remove();
      f.text(to + 14, y - 8, `absmax`, "small muted start");
      f.text(to + 14, y + 10, "error", "small muted start");
      return { y, marks, own, absmax: f.text(f.narrow ? 378 : 720, y - 8, "", "end"), error: f.text(f.narrow ? 378 : 720, y + 10, "", "end") };
    });
    below(f, x, 58 * count + 8, [-6, -3, 0, 3, 6], "");
    f.text(to, 58 * count + 45, "weight", "small muted end");
    f.text(from, 14, f.narrow ? "dots: weights; marks: what a code can say" : "dots: the weights of a block; marks: the sixteen numbers that its codes can stand for", "small muted start");
    const outlier = f.svg("circle", { r: 9, cy: lines.at(-1).y - 14, class: "weight at" });
    f.point(outlier, {
      label: "The last weight", min: -REACH, max: REACH, step: 0.05, get: () => state.weights[63],
      set: (v) => (state.weights = [...state.weights.slice(0, 63), v]), from: (px, _, start, x0) => start + x.back(px) - x.back(x0),
    });
    f.choice("block size", SIZES.map((size) => [`${size}`, size]), () => state.size, (size) => (state.size = size));
    f.button("Make it an outlier", () => (state.weights = [...state.weights.slice(0, 63), 5.5]));
    f.button("From the start", () => (state.weights = [...WEIGHTS]));
    return ({ absmax, marks, rms }) => {
      outlier.setAttribute("cx", x(state.weights[63]));
      lines.forEach((line, i) => {
        line.marks.setAttribute("d", marks[i].map((v) => `M${x(v).toFixed(1)} ${line.y - 6}v12`).join(""));
        line.own.forEach((dot, j) => dot.setAttribute("cx", x(state.weights[state.size * i + j])));
        line.absmax.textContent = shown(absmax[i]);
        line.error.textContent = shown(rms[i], 3);
      });
    };
  },
  say({ weights, size }, { absmax, rms, all, bytes }) {
    const stretched = absmax.at(-1) === Math.fround(Math.abs(weights[63]));
    const last = `The last weight, ${shown(weights[63])}, ${stretched ? "is its block's largest and stretches its marks" : "is not its block's largest"}`;
    const others = rms.length > 1 ? `; error there ${shown(rms.at(-1), 3)}, in the other blocks at most ${shown(Math.max(...rms.slice(0, -1)), 3)}` : "";
    return `Blocks of ${size}: 64 weights take ${bytes} bytes, ${shown((8 * bytes) / 64, 1)} bits each. ${last}${others}. Error over all (root mean square): ${shown(all, 3)}.`;
  },
};
