// Four bits: drag a weight, or an outlier, along NF4's sixteen marks; see its code, its byte, its error.
import { CODEBOOK, quantize } from "./maths/nf4.mjs";
import { put, shown } from "./parts.mjs";

const high = (i) => (i % 2 ? 32 : 54); // two rows of weights, so that neighbours do not hide each other
const START = [-0.7, -0.5, -0.3, -0.1, 0.15, 0.35, 0.58, 1], LAST = 2; // where the axis ends

export const figure = {
  name: "nf4",
  title: "A block of eight weights in four bits",
  lesson: "05_nf4",
  start: () => ({ weights: [...START], at: 2 }),
  size: (narrow) => (narrow ? [380, 450] : [760, 440]),
  any: (random) => ({ weights: START.map(() => (random() < 0.1 ? 0 : 4 * random() - 2)), at: Math.floor(8 * random()) }),
  compute({ weights }) {
    const made = quantize(weights);
    return { ...made, marks: CODEBOOK.map((v) => Math.fround(v * made.absmax)), errors: made.values.map((v, i) => v - weights[i]) };
  },
  build(f, state) {
    const [width] = figure.size(f.narrow), unit = (width - 40) / (2 * LAST), mid = width / 2;
    const x = (v) => mid + unit * v;
    f.svg("path", { class: "axis", d: `M${x(-LAST)} 108H${x(LAST)}` });
    for (let v = -LAST; v <= LAST; v++) {
      f.svg("path", { class: "axis", d: `M${x(v)} 108v5` });
      f.text(x(v), 128, shown(v, 0), "small muted");
    }
    f.text(x(-LAST) - 8, 14, "the weights: drag one", "small muted start");
    f.text(x(-LAST) - 8, 90, "marks", "small frozen start");
    const marks = CODEBOOK.map(() => f.svg("path", { class: "mark" }));
    const links = START.map(() => f.svg("path", { class: "link" }));
    const set = (i) => (v) => {
      state.weights = state.weights.map((old, j) => (j === i ? v : old));
      state.at = i;
    };
    START.forEach((_, i) => {
      const dot = f.svg("circle", { r: 9, cy: high(i), class: "weight" });
      f.point(dot, {
        label: `Weight ${i + 1}`, min: -LAST, max: LAST, step: 0.01, get: () => state.weights[i], set: set(i),
        from: (px, _, start, x0) => start + (px - x0) / unit,
      });
      dot.addEventListener("focus", () => { if (state.at !== i) { state.at = i; f.change(); } });
      f.follow.push(() => { dot.setAttribute("cx", x(state.weights[i])); dot.classList.toggle("at", state.at === i); });
    });
    const columns = f.narrow ? [8, 92, 172, 256] : [60, 210, 350, 490], edge = f.narrow ? 322 : 640;
    ["weight", "code", "stands for", "error"].forEach((words, i) => f.text(columns[i] + 27, 160, words, "small muted"));
    f.text(edge + 12, 160, "byte", "small muted start");
    const table = START.map((_, i) => {
      const y = 168 + 32 * i;
      const frame = f.svg("rect", { x: 1, y: y - 2, width: edge - 10, height: 31, rx: 5, class: "row" });
      const cell = (column, kind = "") => f.text(columns[column] + 27, y + 19, "", kind);
      const number = f.number({ x: columns[0], y, kind: "frozen" });
      if (i % 2 === 0) f.svg("path", { class: "axis", d: `M${edge} ${y + 6}h5v46h-5` }); // two codes, one byte
      const byte = i % 2 ? null : f.text(edge + 12, y + 34, "", "code start");
      return { frame, number, code: cell(1), value: cell(2), error: cell(3), byte };
    });
    f.button("Make an outlier", () => set(7)(LAST));
    f.button("From the start", () => Object.assign(state, figure.start()));
    return ({ marks: places, codes, values, errors, bytes }) => {
      marks.forEach((mark, c) => mark.setAttribute("d", `M${x(places[c])} ${codes.includes(c) ? 84 : 96}V108`));
      links.forEach((link, i) => link.setAttribute("d", `M${x(state.weights[i])} ${high(i) + 9}L${x(values[i])} 84`));
      table.forEach((row, i) => {
        row.frame.classList.toggle("at", state.at === i);
        row.number(state.weights[i]);
        put(row.code, `${codes[i]}`);
        put(row.value, shown(values[i]));
        put(row.error, shown(errors[i], 3));
        if (row.byte) put(row.byte, `${f.narrow ? "" : "0x"}${bytes[i >> 1].toString(16).padStart(2, "0")}`);
      });
    };
  },
  say({ weights, at }, { absmax, codes, values, errors, bytes }) {
    const mean = errors.reduce((sum, v) => sum + Math.abs(v), 0) / errors.length, pair = at - (at % 2);
    const hex = bytes[at >> 1].toString(16).padStart(2, "0");
    return `Weight ${at + 1} is ${shown(weights[at])}; divided by the block's largest, ${shown(absmax)}, its nearest mark is code ${codes[at]}, `
      + `which stands for ${shown(values[at])}. Codes ${codes[pair]} and ${codes[pair + 1]} are one byte, 0x${hex}. Mean error of the block: ${shown(mean, 3)}.`;
  },
};
