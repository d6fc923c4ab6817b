// LoRA on six numbers: forward, loss and backward, as lora_np's LoRALinear computes them.
// A matrix is an array of rows. y = xW + s·(xA)B, with s = α/r; the loss is ½|y − target|².

const product = (P, Q) => P.map((row) => Q[0].map((_, j) => row.reduce((sum, v, k) => sum + v * Q[k][j], 0)));
const transposed = (P) => P[0].map((_, j) => P.map((row) => row[j]));
const combined = (f, ...all) => all[0].map((row, i) => row.map((_, j) => f(...all.map((P) => P[i][j]))));

export const start = () => ({
  x: [[0.2, -0.3, 0.5]],
  W: [[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]],
  A: [[0.5], [-0.4], [0.3]],
  B: [[0, 0]],
  alpha: 2,
  target: [[0.54, -0.19]],
});

export function forwardBackward({ x, W, A, B, alpha, target }) {
  const s = alpha / A[0].length;
  const u = product(x, A);
  const y = combined((base, beside) => base + s * beside, product(x, W), product(u, B));
  const dy = combined((a, b) => a - b, y, target);
  const loss = dy.flat().reduce((sum, v) => sum + v * v, 0) / 2;
  const du = combined((v) => s * v, product(dy, transposed(B))); // undoes s·uB
  const dB = combined((v) => s * v, product(transposed(u), dy)); // undoes s·uB
  const dA = product(transposed(x), du); // undoes xA
  return { s, u, y, loss, dA, dB };
}

/** The numbers after one step of gradient descent. W is not among what moves. */
export function step(numbers, rate) {
  const { dA, dB } = forwardBackward(numbers);
  const less = (v, d) => v - rate * d;
  return { ...numbers, A: combined(less, numbers.A, dA), B: combined(less, numbers.B, dB) };
}
