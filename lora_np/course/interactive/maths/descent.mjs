// Paths of gradient descent, as lora_np's SGD and AdamW walk them.

export const FAR = 100; // a loss above ends the path: it flies off

/** The smallest LoRA, y = AB on x = 1: descent on L = ½(AB − t)² from `start`, for so many steps. */
export function smallest({ start, target, rate, steps }) {
  let [a, b] = start;
  const path = [], losses = [];
  for (let k = 0; k <= steps; k++) {
    const dy = a * b - target, loss = (dy * dy) / 2;
    path.push([a, b]);
    losses.push(loss);
    if (!(loss < FAR)) break;
    [a, b] = [a - rate * (dy * b), b - rate * (dy * a)]; // dA = dy·B, dB = dy·A
  }
  return { path, losses, arrived: losses.findIndex((loss) => loss < 5e-5) };
}

const STEEP = [1, 100], BETA2 = 0.999, EPS = 1e-8;

/** L = ½(w₁² + 100w₂²) by SGD on m ← βm + (1 − β)g (β = 0: on g itself), or by AdamW with β₁ = β. */
export function valley({ start, rate, beta, way, steps }) {
  let w = [...start], m = [0, 0], v = [0, 0];
  const path = [w], losses = [lossAt(w)];
  for (let t = 1; t <= steps; t++) {
    const g = w.map((value, i) => STEEP[i] * value);
    m = m.map((old, i) => beta * old + (1 - beta) * g[i]);
    v = v.map((old, i) => BETA2 * old + (1 - BETA2) * (g[i] * g[i]));
    const size = (i) => Math.sqrt(v[i]) / Math.sqrt(1 - BETA2 ** t) + EPS;
    const step = way === "AdamW" ? m.map((value, i) => (value / size(i)) * (rate / (1 - beta ** t))) : m.map((value) => rate * value);
    w = w.map((value, i) => value - step[i]);
    path.push(w);
    losses.push(lossAt(w));
  }
  return { path, losses };
}

const lossAt = ([x, y]) => (STEEP[0] * x * x + STEEP[1] * y * y) / 2;
