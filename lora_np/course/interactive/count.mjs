// Count what is trained: W as a square, A and B as strips beside it, all to one scale.
import { count } from "./maths/count.mjs";

const WIDTHS = [16, 32, 64, 128, 256, 512, 768, 1024, 2048, 4096, 8192, 12288];
const RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const whole = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");
const fit = (state) => (state.rank = Math.min(state.rank, state.width));

export const figure = {
  name: "count",
  title: "How many numbers train",
  lesson: "04_savings",
  start: () => ({ width: 1024, rank: 8 }),
  size: () => [405, 222],
  any: (random) => fitted(WIDTHS[Math.floor(12 * random())], RANKS[Math.floor(9 * random())]),
  compute: count,
  build(f, state) {
    const box = (kind) => f.svg("rect", { class: `${kind} bare` });
    const W = box("frozen"), A = box("trained"), B = box("trained");
    const words = [f.text(0, 0, "W", "name frozen"), f.text(0, 0, "A", "name trained"), f.text(0, 0, "B", "name trained")];
    const scaled = f.text(0, 0, "to scale", "small muted start");
    const place = (element, numbers) => Object.entries(numbers).forEach(([name, v]) => element.setAttribute(name, v));
    const index = (list, name) => ({
      min: 0, max: list.length - 1, step: 1, text: (i) => whole(list[i]),
      get: () => list.indexOf(state[name]), set: (i) => { state[name] = list[i]; fit(state); },
    });
    f.slider({ label: "width of the layer", ...index(WIDTHS, "width") });
    f.slider({ label: "rank r", ...index(RANKS, "rank") });
    return () => {
      const side = Math.min(150, 330 / (2 + state.rank / state.width)), thin = (side * state.rank) / state.width;
      place(W, { x: 20, y: 40, width: side, height: side });
      place(A, { x: 40 + side, y: 40, width: thin, height: side });
      place(B, { x: 55 + side + thin, y: 40, width: side, height: thin });
      place(words[0], { x: 20, y: 33 });
      place(words[1], { x: 40 + side, y: 33 });
      place(words[2], { x: 55 + side + thin, y: 33 });
      place(scaled, { x: 20, y: side + 60 });
    };
  },
  say({ width, rank }, { full, lora, share }) {
    const percent = share < 0.1 ? (100 * share).toPrecision(2) : (100 * share).toFixed(0);
    const end = share >= 1 ? "LoRA saves nothing here: it pays below r = width/2." : `That is ${percent}\u202f% of them.`;
    return `W holds ${width} × ${width} = ${whole(full)} numbers, none of which train. A and B hold 2 · ${width} · ${rank} = ${whole(lora)}. ${end}`;
  },
};

function fitted(width, rank) {
  const state = { width, rank };
  fit(state);
  return state;
}
