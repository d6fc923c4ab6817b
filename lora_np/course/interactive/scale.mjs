// Scale and α: how far LoRA's first step moves the output, for each rank, by three ways of making s.
import { below, beside, brief, line, plain, power, scale } from "./axes.mjs";
import { RANKS, shifts } from "./maths/scale.mjs";
import { shown } from "./parts.mjs";

const NAMES = { over: "s = α/r", root: "s = α/√r", alone: "s = α" };
const even = (k) => 2 * ((0.618034 * (k + 1)) % 1) - 1; // 64 numbers spread evenly from −1 to 1

export const figure = {
  name: "scale",
  title: "How far the first step moves the output, by rank and α",
  lesson: "03_rank_alpha_init",
  start: () => ({ alpha: 16, r: 8, way: "AdamW", rate: 0.001, u: Array.from({ length: 64 }, (_, k) => even(k)), dy: [-0.11, -0.07, 0.2, 0.05] }),
  size: (narrow) => (narrow ? [380, 430] : [760, 400]),
  any: (random) => ({
    ...figure.start(), alpha: 0.5 + 60 * random(), r: 2 ** Math.floor(7 * random()), way: random() < 0.5 ? "SGD" : "AdamW", rate: 0.01 * random(),
    u: Array.from({ length: 64 }, () => 2 * random() - 1), dy: Array.from({ length: 4 }, () => 2 * random() - 1),
  }),
  compute: shifts,
  build(f, state) {
    const [left, right, top, bottom] = f.narrow ? [62, 290, 40, 355] : [80, 600, 40, 330];
    const x = scale([1, 64], [left, right], true), y = scale([1e-6, 100], [bottom, top], true);
    below(f, x, bottom, RANKS, "rank r, each twice the one before");
    beside(f, y, left, [1e-6, 1e-4, 0.01, 1, 100], "the output moves by, in powers of ten", power);
    const rows = Object.keys(NAMES).map((name, i) => ({
      name, curve: f.svg("path", { class: `curve kind${i}` }), dots: f.svg("g", { class: `dots kind${i}` }), words: f.text(right + 10, 0, NAMES[name], "small start"),
    }));
    const mark = f.svg("path", { class: "miss" }), value = f.svg("circle", { r: 9, class: "weight at" });
    f.point(value, {
      label: "Rank r, as a power of two", min: 0, max: 6, step: 1, digits: 0, get: () => Math.log2(state.r), set: (v) => (state.r = 2 ** v),
      from: (px) => Math.log2(x.back(px)),
    });
    f.choice("optimizer", [["SGD", "SGD"], ["AdamW", "AdamW"]], () => state.way, (v) => (state.way = v));
    f.slider({ label: "α", min: 1, max: 64, step: 1, get: () => state.alpha, set: (v) => (state.alpha = v), text: plain });
    f.slider({ label: "rank r", min: 0, max: 6, step: 1, get: () => Math.log2(state.r), set: (v) => (state.r = 2 ** v), text: (v) => plain(2 ** v) });
    return (numbers) => {
      for (const { name, curve, dots, words } of rows) {
        const points = RANKS.map((r, i) => [x(r), y(numbers[name][i])]);
        curve.setAttribute("d", line(points));
        dots.replaceChildren(...points.map(([cx, cy]) => f.svg("circle", { cx, cy, r: 3.5 }, dots)));
        words.setAttribute("y", points.at(-1)[1] + 5);
      }
      const at = [x(state.r), y(numbers.over[RANKS.indexOf(state.r)])];
      mark.setAttribute("d", `M${at[0]} ${top}V${bottom}`);
      value.setAttribute("cx", at[0]);
      value.setAttribute("cy", at[1]);
    };
  },
  say({ alpha, r, way }, { s, over, root }) {
    const i = RANKS.indexOf(r), next = RANKS[i + 1], twice = way === "SGD" ? "four times" : "twice";
    const times = (values) => shown(values[i + 1] / values[i]);
    const wider = next ? `At r = ${next} it is ${times(over)} times as far, with α/√r ${times(root)} times.` : "";
    return `${way}, α = ${plain(alpha)}, r = ${r}: s = α/r = ${shown(s.over)}, and the first step moves the output by ${brief(over[i])}. `
      + `Twice the α moves it ${twice} as far. ${wider}`;
  },
};
