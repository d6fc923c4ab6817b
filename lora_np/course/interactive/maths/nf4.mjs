// NF4, as lora_np.quant.nf4 computes it: in float32, to the bit.

const f32 = Math.fround;
export const CODEBOOK = [
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
];
export const MIDPOINTS = CODEBOOK.slice(1).map((v, i) => f32(f32(CODEBOOK[i] + v) / 2));
const TINY = f32(1e-38);

/** One whole block: its largest |weight|, the nearest code of each weight / absmax, and what they stand for. */
export function quantize(weights) {
  const numbers = weights.map(f32);
  const absmax = Math.max(...numbers.map(Math.abs));
  const inverse = f32(1 / Math.max(absmax, TINY));
  const codes = numbers.map((w) => MIDPOINTS.filter((midpoint) => f32(w * inverse) > midpoint).length);
  return { absmax, codes, values: codes.map((code) => f32(CODEBOOK[code] * absmax)), bytes: packed(codes) };
}

/** Two codes a byte, the first in the high half; 7, zero's code, ends an odd count. */
export function packed(codes) {
  const pairs = [];
  for (let i = 0; i < codes.length; i += 2) pairs.push(16 * codes[i] + (codes[i + 1] ?? 7));
  return pairs;
}
