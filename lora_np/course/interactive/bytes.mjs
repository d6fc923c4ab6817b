// What training touches: the bytes of W, A and B, before and after a step.
import { bytesOf } from "./maths/bytes.mjs";
import { forwardBackward, step } from "./maths/lora.mjs";
import { put } from "./parts.mjs";
import { figure as paths } from "./paths.mjs";

const hex = (byte) => byte.toString(16).padStart(2, "0");
const kinds = { W: "frozen", A: "trained", B: "trained" };
const start = () => {
  const { x, W, A, B, alpha, target } = paths.start();
  return { x, W, A, B, alpha, target, steps: 0 };
};

export const figure = {
  name: "bytes",
  title: "The bytes of W, A and B",
  lesson: "01_worked_example",
  start,
  size: (narrow) => (narrow ? [380, 290] : [600, 232]),
  any(random) {
    const { x, W, A, B, alpha, target } = paths.any(random);
    return { x, W, A, B, alpha, target, steps: 1 };
  },
  compute: ({ W, A, B }) => ({ W: bytesOf(W.flat()), A: bytesOf(A.flat()), B: bytesOf(B.flat()) }),
  build(f, state) {
    const all = figure.compute(state), per = f.narrow ? 8 : 16, cells = {};
    let y = 18;
    for (const [name, bytes] of Object.entries(all)) {
      f.text(4, y + 14, `${name}, ${bytes.length} bytes${name === "W" ? ", frozen" : ", learns"}`, `name ${kinds[name]}`);
      cells[name] = bytes.map((_, i) => {
        const x = f.narrow ? 4 + 46 * (i % per) : 4 + 37 * (i % per), row = y + 22 + 30 * Math.floor(i / per);
        const group = f.svg("g", { class: kinds[name] });
        f.svg("rect", { x, y: row, width: f.narrow ? 42 : 33, height: 26, rx: 3 }, group);
        return f.text(x + (f.narrow ? 21 : 16.5), row + 18.5, "", "code", group);
      });
      y += 32 + 30 * Math.ceil(bytes.length / per);
    }
    f.button("One step", () => Object.assign(state, step(state, forwardBackward(state), 0.5), { steps: state.steps + 1 }));
    f.button("From the start", () => Object.assign(state, start()));
    return (numbers) => {
      for (const name of Object.keys(cells)) cells[name].forEach((cell, i) => put(cell, hex(numbers[name][i])));
    };
  },
  say({ steps }, numbers) {
    const first = figure.compute(start()), changed = {};
    for (const name of ["W", "A", "B"]) changed[name] = numbers[name].filter((byte, i) => byte !== first[name][i]).length;
    const learnt = changed.A + changed.B, of = numbers.A.length + numbers.B.length;
    if (!steps) return "Nothing is trained yet. Press one step, and watch which bytes light up.";
    return `Step ${steps}: ${learnt} of the ${of} bytes of A and B are others than at the start; of W's ${numbers.W.length} bytes, ${changed.W}.`;
  },
};
