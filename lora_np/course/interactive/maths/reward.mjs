// The policy that is best at the price β: it maximizes E[r] − β·KL(π ‖ π_ref), and is π_ref·exp(r/β), normalized.
import { softmax } from "./attention.mjs";

export const BETAS = Array.from({ length: 61 }, (_, i) => 0.05 * (200 ** (i / 60))); // 0.05 … 10
const mean = (p, values) => p.reduce((sum, v, i) => sum + v * values[i], 0);

function at({ reference, judge, wanted }, beta) {
  const policy = softmax(reference.map((p, i) => Math.log(p) + judge[i] / beta));
  const ratios = policy.map((p, i) => Math.log(Math.max(p, 1e-300)) - Math.log(reference[i]));
  return { policy, KL: mean(policy, ratios), asked: mean(policy, judge), wanted: mean(policy, wanted) };
}

export function best(state) {
  const points = BETAS.map((beta) => at(state, beta));
  const [KL, asked, wanted] = ["KL", "asked", "wanted"].map((key) => points.map((point) => point[key]));
  return { ...at(state, state.beta), start: { asked: mean(state.reference, state.judge), wanted: mean(state.reference, state.wanted) }, curve: { KL, asked, wanted } };
}
