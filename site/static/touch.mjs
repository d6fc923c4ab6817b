// The page "Touch": the picture's numbers follow sliders and steps of gradient descent.
import { forwardBackward, start, step } from "./sixnumbers.mjs";

const RATE = 0.5;
const shown = (v, digits = 2) => (Object.is(+v.toFixed(digits), -0) ? 0 : v).toFixed(digits).replace("-", "−");

export function begin(root) {
  let numbers = start(), steps = 0;
  const sliders = root.querySelector("[data-sliders]");
  const inputs = [
    slider("α", 0, 8, 0.1, () => numbers.alpha, (v) => (numbers.alpha = v)),
    ...numbers.x[0].map((_, i) => slider(`x${"₁₂₃"[i]}`, -1, 1, 0.05, () => numbers.x[0][i], (v) => (numbers.x[0][i] = v))),
    ...numbers.target[0].map((_, j) =>
      slider(`wanted y${"₁₂"[j]}`, -1, 1, 0.01, () => numbers.target[0][j], (v) => (numbers.target[0][j] = v))),
  ];

  function slider(name, min, max, by, get, set) {
    const label = document.createElement("label");
    label.innerHTML = `<span>${name}</span> <input type="range" min="${min}" max="${max}" step="${by}"> <span class="value"></span>`;
    const input = label.querySelector("input");
    input.addEventListener("input", () => { set(+input.value); paint(); });
    sliders.append(label);
    return () => { input.value = get(); label.querySelector(".value").textContent = shown(get()); };
  }

  function put(name, value) {
    const text = root.querySelector(`[data-cell="${name}"]`);
    if (text.textContent !== value) {
      text.textContent = value;
      text.classList.remove("moved");
      requestAnimationFrame(() => text.classList.add("moved"));
    }
  }

  function paint() {
    const { s, u, y, loss, dA, dB } = forwardBackward(numbers);
    const all = { x: numbers.x[0].map((v) => [v]), A: numbers.A, B: numbers.B, u, y: y[0].map((v) => [v]) };
    for (const [name, rows] of Object.entries(all)) rows.forEach((row, i) => row.forEach((v, j) => put(`${name}${i}${j}`, shown(v))));
    put("target", numbers.target[0].map((v) => shown(v)).join(", "));
    inputs.forEach((show) => show());
    const moves = [dA, dB].map((d) => d.flat().some((v) => v !== 0));
    const next = moves[0] ? "A and B" : moves[1] ? "B alone" : "nothing";
    root.querySelector("[data-state]").innerHTML =
      `Step <b>${steps}</b> · s = α/r = ${shown(s)} · loss ½|y − wanted|² = <b>${loss.toExponential(2).replace("-", "−")}</b> · the next step moves <b>${next}</b>`;
  }

  root.addEventListener("click", ({ target }) => {
    const { dataset } = target;
    if (dataset.steps) for (let k = 0; k < +dataset.steps; k++, steps++) numbers = step(numbers, RATE);
    if ("zero" in dataset) { numbers = { ...numbers, A: [[0], [0], [0]], B: [[0, 0]] }; steps = 0; }
    if ("again" in dataset) { numbers = start(); steps = 0; }
    paint();
  });
  paint();
}
