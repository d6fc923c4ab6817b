// The rank wall: how near two tokens' moves a LoRA of rank r can come.
// Rows of M are the moves that are wanted. The nearest of rank 1 is M v vᵀ, with v the direction in which
// M is largest: the top eigenvector of MᵀM (Eckart & Young 1936).

export function nearest(M, rank) {
  const [[a, b], [c, d]] = M;
  const p = a * a + c * c, q = a * b + c * d, r = b * b + d * d; // MᵀM = [[p, q], [q, r]]
  const angle = Math.atan2(2 * q, p - r) / 2;
  const v = [Math.cos(angle), Math.sin(angle)];
  const along = ([x, y]) => x * v[0] + y * v[1];
  const reached = rank === 1 ? M.map((move) => v.map((part) => along(move) * part)) : M.map((move) => [...move]);
  const loss = M.flat().reduce((sum, move, i) => sum + (move - reached.flat()[i]) ** 2, 0) / 2;
  return { reached, loss };
}
