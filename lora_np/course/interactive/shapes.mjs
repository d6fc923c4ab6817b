// The shape that ΔW can take, by method: what learns stands at its edges, and what it makes of it in the middle.
import { METHODS, change } from "./maths/shapes.mjs";
import { anew, below, beside, plain, scale, upTo } from "./axes.mjs";
import { shown } from "./parts.mjs";

const N = 4, M = 6, NAMES = { full: "full", LoRA: "LoRA", QLoRA: "QLoRA", DoRA: "DoRA", IA3: "IA3", inputs: "IA3, inputs", BitFit: "BitFit" };
const LEARNS = { full: ["D"], LoRA: ["A", "B"], QLoRA: ["A", "B"], DoRA: ["A", "B", "m"], IA3: ["l"], inputs: ["k"], BitFit: ["b"] };
const CALLED = { D: "ΔW", A: "A", B: "B", m: "length", l: "factor", k: "factor", b: "bias" };
const table = (n, m, f) => Array.from({ length: n }, (_, i) => Array.from({ length: m }, (_, j) => +(Math.round(20 * f(i, j)) / 20).toFixed(2)));
const wave = (i, j, k) => Math.sin(2.3 * i + 1.7 * j + k);
const above = ({ method, A }, side) => 24 + (LEARNS[method].includes("B") ? A[0].length * side + 12 : 0) + (/m|l|b/.test(LEARNS[method]) ? side + 24 : 0);
const factors = (r) => ({ A: table(N, r, (i, k) => 0.9 * wave(i, 3 * k, 1)), B: table(r, M, (k, j) => 0.9 * wave(4 * k, j, 2)) });

export const figure = {
  name: "shapes",
  title: "What shape each method's ΔW can take",
  lesson: "09_what_moves",
  start: () => ({
    method: "LoRA", W: table(N, M, (i, j) => wave(i, j, 0.4) * (1 + 0.2 * i)), D: table(N, M, (i, j) => 0.6 * wave(3 * i, 5 * j, i * j)), ...factors(1),
    m: [1, 1.3, 1, 0.7, 1, 1], l: [1, 1.5, 1, 0.4, 1, 1], k: [1, 0.3, 1, 1.6], b: [0.4, 0, -0.5, 0, 0.2, 0],
  }),
  size: (narrow, state) => (narrow ? [380, above(state, 36) + 420] : [760, Math.max(300, above(state, 44) + 240)]),
  any(random) {
    const any = () => 2 * random() - 1, r = 1 + Math.floor(3 * random());
    const [W, D, A, B] = [[N, M], [N, M], [N, r], [r, M]].map(([n, m]) => Array.from({ length: n }, () => Array.from({ length: m }, any)));
    const some = (count) => Array.from({ length: count }, any);
    return { method: METHODS[Math.floor(7 * random())], W, D, A, B, m: some(M).map((v) => 2 + v), l: some(M), k: some(N), b: some(M) };
  },
  compute: change,
  build(f, state) {
    const r = state.A[0].length, on = LEARNS[state.method], side = f.narrow ? 36 : 44;
    const [x0, y0] = [f.narrow ? 152 : 200, above(state, side)], free = [];
    f.text(x0, y0 + N * side + 22, "ΔW = W′ − W", "name trained");
    const cells = grid(x0, y0, N, M, "D", on.includes("D"));
    if (on.includes("A")) grid(x0 - r * side - 12, y0, N, r, "A", true);
    if (on.includes("B")) grid(x0, y0 - r * side - 12, r, M, "B", true);
    for (const name of ["m", "l", "b"]) if (on.includes(name)) grid(x0, y0 - (name === "m" ? r + 1 : 1) * side - (name === "m" ? 24 : 12), 1, M, name, true);
    if (on.includes("k")) grid(x0 - side - 12, y0, N, 1, "k", true);

    /** n × m cells; those that learn are dragged, up for more. */
    function grid(x, y, n, m, name, learns) {
      if (name !== "D") f.text(x - (m > 1 ? 8 : -2), y + (m > 1 ? 27 : -7), CALLED[name], m > 1 ? "small trained end" : "small trained start");
      return Array.from({ length: n * m }, (_, at) => {
        const i = Math.floor(at / m), j = at % m, line = Array.isArray(state[name][0]);
        const get = () => (line ? state[name][i][j] : state[name][n === 1 ? j : i]);
        const set = (v) => (state[name] = line ? state[name].map((row, a) => row.map((old, b) => (a === i && b === j ? v : old))) : state[name].map((old, b) => (b === (n === 1 ? j : i) ? v : old)));
        const group = f.svg("g", { class: learns ? "trained" : "given" });
        f.svg("rect", { x: x + side * j + 1, y: y + side * i + 1, width: side - 2, height: side - 2, rx: 3, class: "paper" }, group);
        const fill = f.svg("rect", { x: x + side * j + 1, y: y + side * i + 1, width: side - 2, height: side - 2, rx: 3, class: "amount" }, group);
        const words = f.text(x + side * (j + 0.5), y + side * (i + 0.5) + 5, "", "small", group);
        if (learns)
          f.point(group, {
            label: `${CALLED[name]}, ${n > 1 && m > 1 ? `row ${i + 1}, column ${j + 1}` : `number ${at + 1}`}`, min: -2, max: 2, get, set,
            from: (px, py, start, sx, sy) => start + 0.05 * Math.round((px - sx - (py - sy)) / 4),
          });
        const cell = (v) => {
          words.textContent = shown(v, f.narrow ? 1 : 2);
          fill.setAttribute("class", `amount ${v < 0 ? "less" : "more"}`);
          fill.setAttribute("opacity", Math.min(0.75, 0.45 * Math.abs(v)));
        };
        if (name !== "D") free.push(() => cell(get()));
        return cell;
      });
    }

    const [left, right, top, bottom] = f.narrow ? [50, 360, y0 + 4 * side + 75, y0 + 4 * side + 165] : [560, 750, y0 + 4, y0 + 4 * side];
    const s = scale([1, N], [left + 30, right - 30]), axis = f.svg("g", {});
    below(f, s, bottom, [1, 2, 3, 4], "");
    f.text(right, bottom + 37, "singular values of ΔW", "small muted end");
    const bars = Array.from({ length: N }, (_, k) => f.svg("rect", { x: s(k + 1) - 14, width: 28, class: "bar trained" }));
    if (on.includes("A")) f.choice("rank r", [["1", 1], ["2", 2], ["3", 3]], () => r, (v) => Object.assign(state, factors(v)));
    f.choice("method", METHODS.map((method) => [NAMES[method], method]), () => state.method, (v) => (state.method = v));
    return ({ delta, sigma }) => {
      delta.flat().forEach((v, i) => cells[i](v));
      free.forEach((show) => show());
      const [high, ticks] = upTo(Math.max(...sigma, 0.1)), y = scale([0, high], [bottom, top]);
      beside(anew(f, axis), y, left, ticks, "size", plain);
      bars.forEach((bar, k) => {
        bar.setAttribute("y", y(sigma[k]));
        bar.setAttribute("height", bottom - y(sigma[k]));
      });
    };
  },
  say({ method, A }, { rank, trained }) {
    const r = A[0].length, shape = {
      full: "Every cell is free.", LoRA: `Every row is a mixture of B's ${r === 1 ? "one row" : `${r} rows`}: rank ${r} at most.`,
      QLoRA: "W was rounded before training: that part has full rank and never moves; sAB comes on top.",
      DoRA: "LoRA turns each column of W, its length is learnt apart: ΔW may have full rank.",
      IA3: "Each column of W is multiplied by a factor: where the factor is 1, nothing changes.", inputs: "Each row of W is multiplied by a factor, as IA3 does before mlp.c_proj.",
      BitFit: "Only the bias learns: ΔW is zero, and every token's output moves by the same numbers.",
    }[method];
    return `${NAMES[method]}: ${trained} numbers learn, beside W's ${N * M}. ${shape} Here ΔW has rank ${rank}.`;
  },
};
