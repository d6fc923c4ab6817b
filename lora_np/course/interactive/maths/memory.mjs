// What a training step of a GPT holds, by lora_np.memory's formulas: float32, AdamW, NF4 in blocks of 64.

const FLOAT = 4, NF4 = (4 + 32 / 64) / 8;
const LONG = 512; // tokens: from here on attention keeps its output and a sum in its proportions' place
export const METHODS = ["full", "c_attn", "LoRA", "QLoRA", "head"];

/** Bytes of weights, gradients, moments and activations for each method, and from how many texts activations are more. */
export function held({ width: d, layers, heads, texts: B, tokens: T, rank, vocabulary, positions }) {
  const linears = { c_attn: [d, 3 * d], proj: [d, d], c_fc: [d, 4 * d], down: [4 * d, d] };
  const sizes = Object.values(linears), matrices = layers * sizes.reduce((sum, [n, m]) => sum + n * m, 0);
  const others = (vocabulary + positions) * d + layers * 13 * d + 2 * d, weights = matrices + others;
  const all = layers * rank * sizes.reduce((sum, [n, m]) => sum + n + m, 0), head = vocabulary * d;
  const one = layers * rank * (d + 3 * d), inputs = sizes.reduce((sum, [n]) => sum + n, 0);
  const attention = T < LONG ? heads * T : d + heads;
  const block = 2 * d + 2 + 3 * d + attention + 4 * d;
  const kept = (keeps, r, body = 1, reads = 0) => FLOAT * T * ((layers * (block + keeps + r) + d + 1) * body + d * reads);
  const rows = {
    full: [weights, 0, 1, kept(inputs, 0, 1, 1)], c_attn: [one, one, 1, kept(d, rank)], LoRA: [all, all, 1, kept(inputs, 4 * rank)],
    QLoRA: [all, all, 0, kept(inputs, 4 * rank)], head: [head, head, 1, kept(0, 0, 0, 1)],
  };
  return Object.fromEntries(METHODS.map((name) => {
    const [trained, added, dense, perText] = rows[name];
    const bytes = [matrices * (dense ? FLOAT : NF4) + (others + added) * FLOAT, FLOAT * trained, 2 * FLOAT * trained, B * perText + 8 * T];
    const rest = bytes[0] + bytes[1] + bytes[2];
    return [name, { trained, bytes, total: rest + bytes[3], even: (rest - 8 * T) / perText }];
  }));
}
