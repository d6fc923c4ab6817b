// ΔW = W' − W by method, from the numbers that the method learns, as lora_np's layers make it.
import { combined, product } from "./lora.mjs";
import { quantize } from "./nf4.mjs";
import { svd } from "./svd.mjs";

const columns = (V) => V[0].map((_, j) => Math.sqrt(V.reduce((sum, row) => sum + row[j] * row[j], 0)));

const NEW = { // W' of each; s = 1
  full: ({ W, D }) => combined((w, d) => w + d, W, D),
  LoRA: ({ W, A, B }) => combined((w, d) => w + d, W, product(A, B)),
  QLoRA({ W, A, B }) {
    const { values } = quantize(W[0].flatMap((_, j) => W.map((row) => row[j]))); // a block lies along the inputs
    return combined((w, d) => w + d, W.map((row, i) => row.map((_, j) => values[j * W.length + i])), product(A, B));
  },
  DoRA({ W, A, B, m }) {
    const V = NEW.LoRA({ W, A, B }), lengths = columns(V), at = columns(W);
    return V.map((row) => row.map((v, j) => v * ((at[j] * m[j]) / lengths[j])));
  },
  IA3: ({ W, l }) => W.map((row) => row.map((w, j) => w * l[j])),
  inputs: ({ W, k }) => W.map((row, i) => row.map((w) => k[i] * w)),
  BitFit: ({ W }) => W,
};
export const METHODS = Object.keys(NEW);

export function change(state) {
  const { W, A, method } = state, [n, m, r] = [W.length, W[0].length, A[0].length];
  const delta = combined((w, old) => w - old, NEW[method](state), W);
  const { sigma } = svd(delta);
  const trained = { full: n * m, LoRA: r * (n + m), QLoRA: r * (n + m), DoRA: r * (n + m) + m, IA3: m, inputs: n, BitFit: m }[method];
  return { delta, sigma, rank: sigma.filter((s) => s > 1e-9).length, trained };
}
