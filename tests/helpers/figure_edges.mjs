// What random states of the figures do not meet: node figure_edges.mjs fails where one of these does.
import assert from "node:assert/strict";

const MATHS = new URL("../../lora_np/course/interactive/maths/", import.meta.url);
const [{ softmax }, { combined, step }, { quantize, MIDPOINTS }, { byRank, norm, sumOf, svd }, { smallest }] = await Promise.all(
  ["attention", "lora", "nf4", "svd", "descent"].map((name) => import(new URL(`${name}.mjs`, MATHS))),
);

assert.deepEqual(softmax([1000, 0]), [1, 0], "a large score overflows nothing");
assert.deepEqual(
  step({ A: [[1], [2]], B: [[3, 4]] }, { dA: [[2], [4]], dB: [[8, -8]] }, 0.5),
  { A: [[0], [0]], B: [[-1, 8]] },
  "a step goes down the gradient",
);
MIDPOINTS.forEach((midpoint, code) => assert.equal(quantize([1, midpoint]).codes[1], code, "at a midpoint the lower code"));

const D = [[1, 2, 0], [0, 1, 3], [2, 5, 3], [1, 1, 1]], parts = svd(D), { left } = byRank(D); // the third row is 2 · first + second
left.forEach((error, r) => {
  const rest = combined((v, sum) => v - sum, D, sumOf(parts, r));
  assert(Math.abs(norm(rest) - error) < 1e-12, `the sum of the first ${r} parts leaves what is said`);
});
assert.equal(svd(D), parts, "the same table is taken apart once");
svd(combined((v) => 1e-12 * v, D)).sigma.forEach((s, k) => assert(Math.abs(s - 1e-12 * parts.sigma[k]) < 1e-24, "a table may be small"));
assert.equal(svd([[NaN, 1], [1, 2]]).sigma.length, 2, "what is no number ends too");

const { path, losses } = smallest({ start: [1.8, -1.8], target: 1.5, rate: 0.5, steps: 40 });
const far = losses.findIndex((loss) => loss >= 100);
assert.deepEqual([losses.length, path.length], [far + 1, far + 1], "a path that flies off ends there");
