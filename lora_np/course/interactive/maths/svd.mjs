// The singular value decomposition by turning pairs of rows until all stand at right angles (Jacobi).

const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
export const outer = (column, row) => column.map((a) => row.map((b) => a * b));
export const norm = (matrix) => Math.sqrt(matrix.flat().reduce((sum, v) => sum + v * v, 0));

const known = new WeakMap();

/** D = Σ columns[k] · rows[k], largest first; a column has length 1, a row the length sigma[k]. */
export function svd(D) {
  if (!known.has(D)) known.set(D, decompose(D));
  return known.get(D);
}

function decompose(D) {
  const rows = D.map((row) => [...row]), turns = D.map((_, i) => D.map((_, j) => +(i === j)));
  const nothing = 1e-30 * norm(D) ** 2; // less than this two rows share by rounding alone
  for (let moved = true, sweep = 0; moved && sweep < 60; sweep++) {
    moved = false;
    for (let i = 0; i < rows.length; i++)
      for (let j = i + 1; j < rows.length; j++) {
        const p = dot(rows[i], rows[i]), q = dot(rows[j], rows[j]), both = dot(rows[i], rows[j]);
        if (Math.abs(both) <= Math.max(nothing, 1e-14 * Math.sqrt(p * q))) continue;
        moved = true;
        const zeta = (q - p) / (2 * both), t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cos = 1 / Math.hypot(1, t), sin = cos * t;
        for (const of of [rows, turns])
          [of[i], of[j]] = [of[i].map((v, k) => cos * v - sin * of[j][k]), of[i].map((v, k) => sin * v + cos * of[j][k])];
      }
  }
  const sigma = rows.map((row) => Math.sqrt(dot(row, row)));
  const order = sigma.map((_, k) => k).sort((a, b) => sigma[b] - sigma[a]);
  return { sigma: order.map((k) => sigma[k]), columns: order.map((k) => turns[k]), rows: order.map((k) => rows[k]) };
}

/** The sum of the first r parts. */
export function sumOf({ columns, rows }, r) {
  const zero = outer(columns[0].map(() => 0), rows[0]);
  return columns.slice(0, r).reduce((sum, column, k) => outer(column, rows[k]).map((row, i) => row.map((v, j) => v + sum[i][j])), zero);
}

/** Singular values, the error that the first r parts leave for r = 0 …, and the rank. */
export function byRank(D) {
  const parts = svd(D);
  let rest = D;
  const left = [norm(D), ...parts.columns.map((column, k) => norm((rest = rest.map((row, i) => row.map((v, j) => v - column[i] * parts.rows[k][j])))))];
  return { sigma: parts.sigma, left, rank: parts.sigma.filter((s) => s > 1e-9).length };
}
