// Merging back into four bits: a weight's code changes only if sAB carries it over a midpoint.
import { below, scale } from "./axes.mjs";
import { mergedAgain } from "./maths/blocks.mjs";
import { CODEBOOK, MIDPOINTS } from "./maths/nf4.mjs";
import { shown } from "./parts.mjs";

const N = 32, REACH = 3;
const normal = (k, step, turn) => { // spread as a normal distribution, in an order of no meaning
  const p = ((step * (k + 1) + turn) % 1) * 0.98 + 0.01, t = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
  return +(Math.sign(p - 0.5) * (t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t))).toFixed(3);
};
const row = (step, turn) => Array.from({ length: N }, (_, k) => normal(k, step, turn));

export const figure = {
  name: "merge",
  title: "Merging a small change into a base in four bits",
  lesson: "06_qlora",
  start: () => ({ weights: row(0.618034, 0.1), directions: row(0.754878, 0.3), size: 0.05, turn: 0.3 }),
  size: (narrow) => (narrow ? [380, 520] : [760, 480]),
  any: (random) => ({ ...figure.start(), weights: Array.from({ length: N }, () => 4 * random() - 2), directions: Array.from({ length: N }, () => 4 * random() - 2), size: random() < 0.1 ? 0 : random() }),
  compute: mergedAgain,
  build(f, state) {
    const [from, to] = f.narrow ? [10, 370] : [20, 740], x = scale([-REACH, REACH], [from, to]), top = 46, step = 11.5, bottom = top + step * N;
    const lines = f.svg("path", { class: "codes" }), between = f.svg("path", { class: "midpoints" });
    const names = CODEBOOK.map((_, code) => f.text(0, top - 12, `${code}`, "small muted"));
    f.text(from, 14, f.narrow ? "lines: the codes; dotted: midpoints" : "lines: the sixteen codes and what each stands for; dotted: the midpoints, where the nearest code changes", "small muted start");
    below(f, x, bottom, [-3, -2, -1, 0, 1, 2, 3], "weight");
    const arrows = Array.from({ length: N }, (_, i) => ({
      y: top + step * (i + 0.5), shaft: f.svg("path", { class: "shaft" }), dot: f.svg("circle", { r: 2.5, cy: top + step * (i + 0.5), class: "from" }), tip: f.svg("path", { class: "tip" }),
    }));
    const longest = () => state.directions.reduce((most, v, i) => (Math.abs(v) > Math.abs(state.directions[most]) ? i : most), 0);
    const handle = f.svg("circle", { r: 9, class: "weight at" });
    f.point(handle, {
      label: "Size of sAB, as a share of the weights'", min: 0, max: 1, step: 0.01, get: () => state.size, set: (v) => (state.size = v),
      from: (px, _, start, x0) => start + (x.back(px) - x.back(x0)) / state.directions[longest()],
    });
    f.slider({ label: "size of sAB, beside W's", min: 0, max: 1, step: 0.01, get: () => state.size, set: (v) => (state.size = v), text: (v) => `${shown(100 * v, 0)} %` });
    f.button("Another A and B", () => { state.turn = (state.turn + 0.37) % 1; state.directions = row(0.754878, state.turn); });
    return ({ start, dense, codes, again, absmax }) => {
      lines.setAttribute("d", CODEBOOK.map((v) => `M${x(v * absmax).toFixed(1)} ${top - 6}V${bottom}`).join(""));
      between.setAttribute("d", MIDPOINTS.map((v) => `M${x(v * absmax).toFixed(1)} ${top - 6}V${bottom}`).join(""));
      names.forEach((name, code) => name.setAttribute("x", x(CODEBOOK[code] * absmax)));
      names.forEach((name, code) => (name.textContent = f.narrow && code % 3 ? "" : code));
      arrows.forEach(({ y, shaft, dot, tip }, i) => {
        const [a, b] = [x(start[i]), x(dense[i])], side = Math.sign(b - a), crosses = codes[i] !== again[i];
        for (const part of [shaft, dot, tip]) part.classList.toggle("trained", crosses);
        dot.setAttribute("cx", a);
        shaft.setAttribute("d", `M${a} ${y}H${b}`);
        tip.setAttribute("d", side ? `M${b - 5 * side} ${y - 4}L${b} ${y}l${-5 * side} 4${crosses ? "z" : ""}` : "");
      });
      handle.setAttribute("cx", x(dense[longest()]));
      handle.setAttribute("cy", arrows[longest()].y);
    };
  },
  say({ size }, { stay, error }) {
    if (size === 0) return "sAB is zero: Ŵ stands on its codes, and rounding again changes nothing.";
    const left = error >= 1 ? "no better than to throw the adapter away, whose error is 1" : "1 would be an adapter thrown away";
    return `sAB is ${shown(100 * size, 0)} % as large as W. ${N - stay} of ${N} weights cross a midpoint; the other ${stay} keep the code that they had. `
      + `Of sAB itself, rounding again leaves a relative error of ${shown(error)}: ${left}.`;
  },
};
