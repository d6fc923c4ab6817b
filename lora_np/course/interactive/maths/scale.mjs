// How far LoRA's first step moves the output, for each rank and each way of making s of α and r.

export const RANKS = [1, 2, 4, 8, 16, 32, 64];
export const RULES = { over: (alpha, r) => alpha / r, root: (alpha, r) => alpha / Math.sqrt(r), alone: (alpha) => alpha };
const EPS = 1e-30, BETA1 = 0.9, BETA2 = 0.999;

/** |Δy| of the first step: u = xA (r numbers), B = 0, dB = s·uᵀdy, B ← B − step, y moves by s·uB. */
function shift({ u, dy, rate, way }, r, s) {
  const part = u.slice(0, r);
  const step = (g) => (way === "SGD" ? rate * g : ((1 - BETA1) * g) / (Math.sqrt((1 - BETA2) * g * g) / Math.sqrt(1 - BETA2) + EPS) * (rate / (1 - BETA1)));
  const moved = dy.map((d) => s * part.reduce((sum, v) => sum - v * step(s * v * d), 0));
  return Math.hypot(...moved);
}

export function shifts(state) {
  const curves = Object.entries(RULES).map(([name, rule]) => [name, RANKS.map((r) => shift(state, r, rule(state.alpha, r)))]);
  const s = Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, rule(state.alpha, state.r)]));
  return { s, ...Object.fromEntries(curves) };
}
