// Two paths from x to y: x·W, which is frozen, and s·(x·A)·B, which learns. Numbers on every edge.
import { shown } from "./parts.mjs";
import { combined, forwardBackward, step } from "./maths/lora.mjs";
import { quantize } from "./maths/nf4.mjs";

const RATE = 0.5;
const A_START = [[0.5, 0.2], [-0.4, 0.1], [0.3, -0.4]]; // the first r columns
const rows = (n, m, f) => Array.from({ length: n }, (_, i) => Array.from({ length: m }, (_, j) => f(i, j)));
const factors = (r) => ({ A: rows(3, r, (i, j) => A_START[i][j]), B: rows(r, 2, () => 0) });

/** Centres of blocks and nodes. Wide, vectors stand as columns, left to right; narrow, as rows, downwards. */
const AT = {
  wide: { x: [40, 195], W: [270, 80], base: [440, 80], A: [175, 305], u: [295, 305], B: [412, 305], uB: [529, 305],
    scale: [585, 305], beside: [646, 305], plus: [646, 195], y: [718, 195], target: [718, 305] },
  narrow: { x: [190, 38], W: [80, 165], base: [80, 300], A: [282, 165], u: [282, 265], B: [282, 352], uB: [282, 432],
    scale: [282, 481], beside: [282, 531], plus: [80, 531], y: [80, 597], target: [282, 610] },
};
const LABELS = { x: "x", W: "W, frozen", base: "x·W", A: "A, learns", u: "x·A", B: "B, learns", uB: "(x·A)·B", beside: "s·(x·A)·B", y: "y", target: "wanted" };
const WAYS = [["x", "W"], ["W", "base"], ["base", "plus"], ["x", "A"], ["A", "u"], ["u", "B"], ["B", "uB"], ["uB", "scale"],
  ["scale", "beside"], ["beside", "plus"], ["plus", "y"]];
const FROZEN = new Set(["W", "base"]), LEARNS = new Set(["A", "u", "B", "uB", "scale", "beside"]);
const kind = (name) => (FROZEN.has(name) ? "frozen" : LEARNS.has(name) ? "trained" : "given");

export const figure = {
  name: "paths",
  title: "Two paths from x to y",
  lesson: "01_worked_example",
  start: () => ({
    x: [[0.2, -0.3, 0.5]], W: [[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]], ...factors(1),
    alpha: 2, target: [[0.54, -0.19]], learn: false, fourBits: false, bits: false, steps: 0, moved: "",
  }),
  size: (narrow, { learn }) => (narrow ? [380, learn ? 650 : 630] : [760, 390]),
  any(random) {
    const r = random() < 0.5 ? 1 : 2, any = () => 2 * random() - 1;
    const [x, W, A, B, target] = [[1, 3], [3, 2], [3, r], [r, 2], [1, 2]].map(([n, m]) => rows(n, m, any));
    return { ...figure.start(), x, W, A, B, target, alpha: 8 * random(), fourBits: random() < 0.5 };
  },
  compute(state) {
    const { values } = quantize(state.W.flat());
    const W = state.fourBits ? state.W.map((row, i) => row.map((_, j) => values[row.length * i + j])) : state.W;
    return { W, ...forwardBackward({ ...state, W }) };
  },
  build(f, state) {
    const at = AT[f.narrow ? "narrow" : "wide"], blocks = {};
    const height = (name) => (state.learn && "AB".includes(name) ? 40 : 28); // room for its gradient
    const r = () => state.A[0].length;
    const length = { x: 3, base: 2, u: r(), uB: 2, beside: 2, y: 2, target: 2 };
    const shape = (name) => ({ W: [3, 2], A: [3, r()], B: [r(), 2] })[name] ?? (f.narrow ? [1, length[name]] : [length[name], 1]);
    const half = (name) => (name in LABELS ? [shape(name)[1] * 28.5, shape(name)[0] * (height(name) + 3) / 2] : [17, 17]);
    const ways = f.svg("g", { class: "ways" }), drawn = f.svg("g", {});
    for (const [order, [from, to]] of WAYS.entries()) {
      const path = way(at[from], half(from), at[to], half(to), f.narrow);
      f.svg("path", { class: `way ${kind(from === "x" ? to : from)}`, d: path, style: `--order:${WAYS.length - order}` }, ways);
      f.svg("path", { class: `way-end ${kind(from === "x" ? to : from)}`, d: end(at[from], at[to], half(to), f.narrow) }, ways);
    }
    for (const [name, words] of [["plus", "+"], ["scale", "× s"]]) {
      f.svg("circle", { class: `node ${kind(name)}`, cx: at[name][0], cy: at[name][1], r: 17 });
      f.text(at[name][0], at[name][1] + 5.5, words);
    }
    for (const name of Object.keys(LABELS)) if (name !== "target" || state.learn) blocks[name] = block(name);

    function block(name) {
      const [n, m] = shape(name), [w, h] = half(name), [cx, cy] = at[name];
      const below = !f.narrow && name === "beside"; // above it runs a way
      f.text(below ? cx - 44 : f.narrow ? cx + 9 : cx - w + 2, below ? cy + h + 17 : cy - h - 5, LABELS[name], `name ${kind(name)}`);
      const values = () => state[name], free = ["x", "A", "B", "target"].includes(name);
      return rows(n, m, (i, j) => {
        const [k, l] = ["x", "target"].includes(name) ? [0, i + j] : [i, j];
        const place = { x: cx - w + 57 * j + 1.5, y: cy - h + (height(name) + 3) * i + 1.5, height: height(name), kind: kind(name) };
        const label = `${name === "target" ? "wanted" : name}, ${n > 1 && m > 1 ? `row ${i + 1}, column ${j + 1}` : `number ${i + j + 1}`}`;
        const set = (v) => (state[name] = state[name].map((row, a) => row.map((old, b) => (a === k && b === l ? v : old))));
        const number = f.number({ ...place, label, min: -2, max: 2, ...(free && { get: () => values()[k][l], set }) }, drawn);
        const slope = state.learn && ["A", "B"].includes(name) && f.text(place.x + 27, place.y + 32.5, "", "slope", drawn);
        return { number, slope };
      });
    }

    f.slider({ label: "α", min: 0, max: 8, step: 0.1, get: () => state.alpha, set: (v) => (state.alpha = v) });
    f.choice("rank r", [["1", 1], ["2", 2]], r, (v) => Object.assign(state, factors(v), fresh));
    if (state.bits) f.choice("W in", [["32 bits", false], ["4 bits", true]], () => state.fourBits, (v) => (state.fourBits = v));
    if (state.learn) {
      const learn = (count) => () => {
        for (let i = 0; i < count; i++) {
          const numbers = figure.compute(state), [A, B] = [numbers.dA, numbers.dB].map((d) => d.flat().some((v) => v !== 0));
          Object.assign(state, step(state, numbers, RATE), { moved: A ? (B ? "A and B" : "A alone") : B ? "B alone" : "nothing" });
        }
        state.steps += count;
        f.picture.classList.remove("back");
        if (!f.still) requestAnimationFrame(() => f.picture.classList.add("back")); // gradients run down the ways
      };
      f.button("One step", learn(1));
      f.button("Twenty steps", learn(20));
      f.button("Both A and B zero", () => Object.assign(state, combinedZero(state), fresh));
      f.button("From the start", () => Object.assign(state, factors(r()), fresh));
    }
    return (numbers) => {
      const all = { ...state, ...numbers };
      for (const [name, cells] of Object.entries(blocks)) {
        const flat = all[name].flat();
        cells.flat().forEach(({ number, slope }, i) => {
          number(flat[i]);
          if (slope) slope.textContent = `d ${shown(numbers[`d${name}`].flat()[i], 3).replace("0.", ".")}`;
        });
      }
    };
  },
  say({ steps, moved, B, learn, fourBits }, { s, base, beside, y, loss }) {
    const row = (values) => `[${values[0].map((v) => shown(v)).join(", ")}]`;
    const bits = fourBits ? "W is held in 4 bits. " : "";
    if (learn) {
      const size = loss >= 1e-4 ? loss.toPrecision(2) : loss.toExponential(1).replace("-", "−");
      const last = steps ? `Step ${steps}: ${steps > 1 ? "the last one moved" : "it moved"} ${moved}.` : "No step yet.";
      return `${bits}${last} y = ${row(y)}, and the loss ½|y − wanted|² is ${size}.`;
    }
    const nothing = B.flat().every((v) => v === 0) ? " B is zero, so the lower path adds nothing." : "";
    return `${bits}y = ${row(base)} + ${row(beside)} = ${row(y)}, with s = α/r = ${shown(s)}.${nothing}`;
  },
};

const fresh = { steps: 0, moved: "" };
const combinedZero = ({ A, B }) => ({ A: combined(() => 0, A), B: combined(() => 0, B) });

/** Where a way leaves a block and where it arrives: at the sides wide, above and below narrow, or the near side. */
function ends([ax, ay], [aw, ah], [bx, by], [bw, bh], narrow) {
  if (Math.abs(ax - bx) < 2) return by > ay ? [ax, ay + ah, bx, by - bh - 6] : [ax, ay - ah, bx, by + bh + 6];
  if (Math.abs(ay - by) < 2) return bx > ax ? [ax + aw, ay, bx - bw - 6, by] : [ax - aw, ay, bx + bw + 6, by];
  return narrow ? [ax, ay + ah, bx, by - bh - 6] : [ax + aw, ay, bx - bw - 6, by];
}

function way(a, ha, b, hb, narrow) {
  const [x, y, X, Y] = ends(a, ha, b, hb, narrow);
  if (x === X || y === Y) return `M${x} ${y}L${X} ${Y}`;
  return narrow ? `M${x} ${y}C${x} ${(y + Y) / 2} ${X} ${(y + Y) / 2} ${X} ${Y}` : `M${x} ${y}C${(x + X) / 2} ${y} ${(x + X) / 2} ${Y} ${X} ${Y}`;
}

/** The head of the arrow. */
function end(a, b, hb, narrow) {
  const [x, y, X, Y] = ends(a, [0, 0], b, hb, narrow);
  const down = Math.abs(a[0] - b[0]) < 2 || (narrow && Math.abs(a[1] - b[1]) >= 2);
  const side = down ? Math.sign(Y - y) : Math.sign(X - x);
  return down ? `M${X - 4.5} ${Y - 2 * side}h9L${X} ${Y + 6 * side}z` : `M${X - 2 * side} ${Y - 4.5}v9L${X + 6 * side} ${Y}z`;
}
