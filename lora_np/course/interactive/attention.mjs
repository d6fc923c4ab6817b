// Attention by hand: drag queries and keys; scores, mask, softmax and the mixture of values follow.
import { below, beside, scale } from "./axes.mjs";
import { attend } from "./maths/attention.mjs";
import { shown } from "./parts.mjs";

const WORDS = ["the", "cat", "that", "slept"];

export const figure = {
  name: "attention",
  title: "One attention head by hand",
  lesson: "07_gpt",
  start: () => ({ q: [[0.5, 1], [-1, 1.5], [1.5, 0.5], [2.2, 0.8]], k: [[-1.5, -0.5], [1.5, 2.3], [-1, 2], [0.5, -1.5]], v: [1, 4, 2, 3], mask: true, at: 3, words: WORDS, reach: 3 }),
  size: (narrow) => (narrow ? [380, 695] : [760, 400]),
  any(random) {
    const points = () => WORDS.map(() => [0, 1].map(() => 6 * random() - 3));
    return { ...figure.start(), q: points(), k: points(), v: WORDS.map(() => 5 * random()), mask: random() < 0.5, at: Math.floor(4 * random()) };
  },
  compute: attend,
  build(f, state) {
    const { words: tokens, reach } = state, begins = { q: [...state.q], k: [...state.k] };
    const x = scale([-reach, reach], [40, 350]), y = scale([-reach, reach], [340, 30]);
    f.svg("rect", { x: 40, y: 30, width: 310, height: 310, class: "plane" });
    f.svg("path", { class: "axis", d: `M40 ${y(0)}H350M${x(0)} 30V340` });
    below(f, x, 340, [-reach, 0, reach], "first number");
    beside(f, y, 40, [-reach, 0, reach], "second number");
    const query = f.svg("path", { class: "way trained" });
    const move = (name, i) => ({
      label: `${name === "q" ? "Query" : "Key"} of “${tokens[i]}”`, min: -reach, max: reach, step: 0.1, get: () => state[name][i],
      set: (to) => (state[name] = state[name].map((old, j) => (j === i ? to : old))),
      from: (px, py, [a, b], x0, y0) => [a + x.back(px) - x.back(x0), b + y.back(py) - y.back(y0)],
    });
    const keys = tokens.map((word, i) => {
      const group = f.svg("g", { class: "key" });
      f.svg("rect", { x: -9, y: -9, width: 18, height: 18, rx: 3, class: "frozen" }, group);
      f.text(0, 25, word, "small", group);
      return f.point(group, move("k", i)) ?? group;
    });
    const own = f.svg("g", {});
    f.svg("circle", { r: 10, class: "wanted" }, own);
    f.text(0, -15, `query of “${tokens[state.at]}”`, "small trained", own);
    f.point(own, move("q", state.at));

    const [left, top] = f.narrow ? [10, 410] : [400, 40], column = f.narrow ? 56 : 53;
    f.text(left, top, f.narrow ? "token" : "token looks at", "small muted start");
    const at = (j) => left + (f.narrow ? 106 : 114) + column * j, full = 32;
    tokens.forEach((word, j) => f.text(at(j), top, word, "small"));
    f.text(at(4) - (f.narrow ? 4 : 0), top, "out", "small muted");
    const rows = tokens.map((word, i) => {
      const base = top + 58 + 54 * i, chosen = i === state.at;
      f.text(left + 4, base - 8, word, `start${chosen ? " trained" : ""}`);
      if (chosen) f.svg("rect", { x: left - 4, y: base - 50, width: at(4) - left + 34, height: 54, rx: 6, class: "row at" });
      f.svg("path", { class: "axis", d: `M${at(0) - 24} ${base}H${at(3) + 24}` });
      const bars = tokens.map((_, j) => f.svg("rect", { x: at(j) - 18, width: 36, class: chosen ? "bar trained" : "bar" }));
      return { base, bars, shares: tokens.map((_, j) => f.text(at(j), base, "", "small")), out: f.text(at(4) - (f.narrow ? 4 : 0), base - 8, "") };
    });
    const under = top + 58 + 54 * (tokens.length - 1) + 26;
    f.text(left + 4, under, "value", "small muted start");
    const values = tokens.map((_, j) => f.text(at(j), under, ""));
    f.text(left + 4, under + 24, f.narrow ? "score" : "score q·k/√2", "small muted start");
    const scores = tokens.map((_, j) => f.text(at(j), under + 24, ""));

    f.choice("query of", tokens.map((word, i) => [word, i]), () => state.at, (i) => (state.at = i));
    f.choice("mask", [["on", true], ["off", false]], () => state.mask, (on) => (state.mask = on));
    f.button("From the start", () => Object.assign(state, begins));
    return ({ scores: all, p, out }) => {
      const place = ([a, b]) => `translate(${x(a)} ${y(b)})`;
      keys.forEach((key, i) => {
        key.setAttribute("transform", place(state.k[i]));
        key.classList.toggle("hidden-key", state.mask && i > state.at);
        values[i].textContent = shown(state.v[i], state.v.every(Number.isInteger) ? 0 : 2);
        scores[i].textContent = state.mask && i > state.at ? "−∞" : shown(all[state.at][i]);
      });
      own.setAttribute("transform", place(state.q[state.at]));
      query.setAttribute("d", `M${x(0)} ${y(0)}L${x(state.q[state.at][0])} ${y(state.q[state.at][1])}`);
      rows.forEach(({ base, bars, shares, out: words }, i) => {
        words.textContent = shown(out[i]);
        bars.forEach((bar, j) => {
          bar.setAttribute("y", base - full * p[i][j]);
          bar.setAttribute("height", full * p[i][j]);
          shares[j].setAttribute("y", base - full * p[i][j] - 4);
          shares[j].textContent = state.mask && j > i ? "·" : shown(p[i][j]);
        });
      });
    };
  },
  say({ mask, at, v, words }, { p, out }) {
    const row = p[at], most = row.indexOf(Math.max(...row)), shares = words.map((word, j) => `“${word}” ${shown(row[j])}`).filter((_, j) => !mask || j <= at);
    return `Mask ${mask ? "on" : "off"}. “${words[at]}” looks ${mask && at === 0 ? "at itself alone, for nothing stands before it" : `most at “${words[most]}”`}: ${shares.join(", ")}. `
      + `These shares add up to 1, and mix the values ${v.map((value) => shown(value, v.every(Number.isInteger) ? 0 : 2)).join(", ")} into ${shown(out[at])}.`;
  },
};
