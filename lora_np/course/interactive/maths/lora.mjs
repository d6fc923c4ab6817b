// A LoRA beside a frozen weight: forward, loss and backward, as lora_np's LoRALinear computes them.
// A matrix is an array of rows. y = xW + s·(xA)B, with s = α/r; the loss is ½|y − target|².

export const product = (P, Q) => P.map((row) => Q[0].map((_, j) => row.reduce((sum, v, k) => sum + v * Q[k][j], 0)));
export const transposed = (P) => P[0].map((_, j) => P.map((row) => row[j]));
export const combined = (f, ...all) => all[0].map((row, i) => row.map((_, j) => f(...all.map((P) => P[i][j]))));
const times = (s, P) => combined((v) => s * v, P);

export function forwardBackward({ x, W, A, B, alpha, target }) {
  const s = alpha / A[0].length;
  const base = product(x, W);
  const u = product(x, A);
  const uB = product(u, B);
  const beside = times(s, uB);
  const y = combined((a, b) => a + b, base, beside);
  const dy = combined((a, b) => a - b, y, target);
  const loss = dy.flat().reduce((sum, v) => sum + v * v, 0) / 2;
  const du = times(s, product(dy, transposed(B))); // undoes s·uB
  const dB = times(s, product(transposed(u), dy)); // undoes s·uB
  const dA = product(transposed(x), du); // undoes xA
  return { s, base, u, uB, beside, y, dy, loss, du, dA, dB };
}

/** A and B after one step of gradient descent. W is not among what moves. */
export function step({ A, B }, { dA, dB }, rate) {
  const less = (v, d) => v - rate * d;
  return { A: combined(less, A, dA), B: combined(less, B, dB) };
}
