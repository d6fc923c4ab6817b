// Reward against KL: the best policy at each price β of a nat, what the judge says of it, and what was wanted.
import { below, beside, line, plain, scale } from "./axes.mjs";
import { BETAS, best } from "./maths/reward.mjs";
import { shown } from "./parts.mjs";

const TEXTS = 6, LOW = -1, HIGH = 4, MOST = 3.5;

export const figure = {
  name: "reward",
  title: "Reward against distance, by the price β",
  lesson: "10b_rlhf",
  start: () => ({ reference: [0.3, 0.25, 0.2, 0.14, 0.08, 0.03], judge: [0, 0.4, 1, 1.5, 2.2, 3], wanted: [0.2, 0.5, 1, 1.6, 2, -0.5], beta: BETAS[20] }),
  size: (narrow) => (narrow ? [380, 735] : [760, 420]),
  any(random) {
    const some = () => Array.from({ length: TEXTS }, () => 5 * random() - 1), raw = some().map((v) => 0.1 + v + 1), sum = raw.reduce((a, b) => a + b, 0);
    return { reference: raw.map((v) => v / sum), judge: some(), wanted: some(), beta: 0.05 * 200 ** random() };
  },
  compute: best,
  build(f, state) {
    const [left, right] = f.narrow ? [44, 368] : [44, 360], bottom = 330, top = 50;
    const place = (i) => left + ((right - left) * (i + 0.5)) / TEXTS, y = scale([LOW, HIGH], [bottom, top]);
    beside(f, y, left, [-1, 0, 1, 2, 3, 4], "judge's reward: drag; ◇ what was wanted", plain);
    f.svg("path", { class: "axis", d: `M${left} ${y(0)}H${right}` });
    const share = scale([0, 1], [0, 90]), floor = bottom + 24;
    f.text(left - 42, floor + 14, "π_ref", "small muted start");
    f.text(left - 42, floor + 46, "π", "small trained start");
    const columns = Array.from({ length: TEXTS }, (_, i) => {
      f.text(place(i), bottom + 16, `text ${i + 1}`, "small muted");
      f.svg("path", { class: "guide", d: `M${place(i)} ${bottom}V${top}` });
      const wanted = f.svg("path", { class: "diamond" });
      const judge = f.svg("circle", { cx: place(i), r: 9, class: "weight at" });
      f.point(judge, {
        label: `The judge's reward of text ${i + 1}`, min: LOW, max: HIGH, step: 0.05, get: () => state.judge[i],
        set: (v) => (state.judge = state.judge.map((old, j) => (j === i ? v : old))), from: (_, py, start, x0, y0) => start + y.back(py) - y.back(y0),
      });
      const half = (right - left) / TEXTS - 6;
      const bar = (at, kind) => f.svg("rect", { x: place(i) - half / 2, y: at, height: 7, class: `bar ${kind}` });
      return { wanted, judge, half, bars: [bar(floor + 19, ""), bar(floor + 51, "trained")], words: [f.text(place(i), floor + 14, "", "small"), f.text(place(i), floor + 46, "", "small")] };
    });

    const [from, to, high, low] = f.narrow ? [50, 362, 505, 670] : [440, 740, 60, 330];
    const x = scale([0, MOST], [from, to]), gain = scale([LOW, HIGH], [low, high]);
    below(f, x, low, [0, 1, 2, 3], "KL(π ‖ π_ref), nats");
    beside(f, gain, from, [-1, 0, 1, 2, 3, 4], "expected reward", plain);
    const asked = f.svg("path", { class: "curve kind0" }), wanted = f.svg("path", { class: "curve kind1" });
    const tangent = f.svg("path", { class: "miss" });
    const now = f.svg("circle", { r: 7, class: "reached" }), true_ = f.svg("path", { class: "diamond at" });
    const named = [f.text(to, 0, "the judge's", "small end"), f.text(x(0.2), 0, "what was wanted", "small start")];
    f.slider({
      label: "β, the price of a nat", min: 0, max: 60, step: 1, text: (i) => shown(BETAS[i]),
      get: () => BETAS.reduce((most, beta, i) => (Math.abs(Math.log(beta / state.beta)) < Math.abs(Math.log(BETAS[most] / state.beta)) ? i : most), 0),
      set: (i) => (state.beta = BETAS[i]),
    });
    f.button("A judge without a flaw", () => (state.judge = [...state.wanted]));
    f.button("From the start", () => Object.assign(state, figure.start()));
    const diamond = (cx, cy) => `M${cx} ${cy - 7}l7 7l-7 7l-7 -7z`;
    return ({ policy, KL, asked: gets, wanted: truly, curve }) => {
      columns.forEach(({ wanted: at, judge, half, bars, words }, i) => {
        at.setAttribute("d", diamond(place(i), y(state.wanted[i])));
        judge.setAttribute("cy", y(state.judge[i]));
        [state.reference[i], policy[i]].forEach((p, k) => {
          bars[k].setAttribute("width", half * p);
          words[k].textContent = shown(p);
        });
      });
      const points = (values) => curve.KL.map((kl, i) => [x(kl), gain(values[i])]);
      asked.setAttribute("d", line(points(curve.asked)));
      wanted.setAttribute("d", line(points(curve.wanted)));
            named[0].setAttribute("y", gain(curve.asked[0]) - 9);
      named[1].setAttribute("y", gain(Math.min(...curve.wanted.filter((_, i) => curve.KL[i] < 1.2))) + 20);
      const run = Math.min(0.7, 1.2 / state.beta);
      tangent.setAttribute("d", `M${x(Math.max(0, KL - run))} ${gain(gets - state.beta * Math.min(KL, run))}L${x(KL + run)} ${gain(gets + state.beta * run)}`);
      now.setAttribute("cx", x(KL));
      now.setAttribute("cy", gain(gets));
      true_.setAttribute("d", diamond(x(KL), gain(truly)));
    };
  },
  say({ beta }, { KL, asked, wanted, start, curve }) {
    const top = Math.max(...curve.wanted), at = curve.wanted.indexOf(top), gone = top - wanted;
    const hacked = gone < 0.01 ? "No β would get more of it." : beta < BETAS[at] ? `At β = ${shown(BETAS[at])} it was ${shown(top)}: from there the judge is being hacked.` : `A smaller β, ${shown(BETAS[at])}, would get ${shown(top)}.`;
    return `β = ${shown(beta)}: the best policy stands ${shown(KL)} nats from the reference. The judge's reward is ${shown(asked)}, from ${shown(start.asked)}; `
      + `what was wanted is ${shown(wanted)}, from ${shown(start.wanted)}. ${hacked}`;
  },
};
