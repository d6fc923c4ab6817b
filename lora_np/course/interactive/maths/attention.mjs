// One attention head by hand: scores q·k/√hd, the causal mask, softmax, and the mixture of values.

export function attend({ q, k, v, mask }) {
  const root = Math.sqrt(q[0].length);
  const scores = q.map((a) => k.map((b) => (a[0] * b[0] + a[1] * b[1]) / root));
  const p = scores.map((row, i) => softmax(row.map((z, j) => (mask && j > i ? -Infinity : z))));
  return { scores, p, out: p.map((row) => row.reduce((sum, share, j) => sum + share * v[j], 0)) };
}

export function softmax(row) {
  const top = Math.max(...row), powers = row.map((z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
