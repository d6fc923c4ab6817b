// The rank wall: two tokens that should move in two directions. Rank 1 has one line for both.
import { nearest } from "./maths/wall.mjs";
import { shown } from "./parts.mjs";

const SIDE = 340, MID = SIDE / 2 + 10, SCALE = SIDE / 2.4; // of the plane; one unit
const px = ([x, y]) => [MID + SCALE * x, MID - SCALE * y];

export const figure = {
  name: "wall",
  title: "The rank wall",
  lesson: "01_worked_example",
  start: () => ({ moves: [[0.8, 0.3], [-0.3, 0.7]], rank: 1 }),
  size: () => [SIDE + 20, SIDE + 34],
  any: (random) => ({ moves: [0, 1].map(() => [0, 1].map(() => 2 * random() - 1)), rank: random() < 0.5 ? 1 : 2 }),
  compute: ({ moves, rank }) => nearest(moves, rank),
  build(f, state) {
    f.svg("rect", { x: 10, y: 10, width: SIDE, height: SIDE, class: "plane" });
    f.svg("path", { class: "axis", d: `M10 ${MID}h${SIDE}M${MID} 10v${SIDE}` });
    f.text(SIDE + 6, SIDE + 26, "how far y₁ moves →", "small muted end");
    f.text(10, SIDE + 26, "↑ how far y₂ moves", "small muted start");
    for (const at of [-1, 1]) {
      f.text(MID + SCALE * at, MID + 17, shown(at, 0), "small muted");
      f.text(MID - 6, MID - SCALE * at + 5, shown(at, 0), "small muted end");
      f.svg("path", { class: "axis", d: `M${MID + SCALE * at} ${MID - 4}v8M${MID - 4} ${MID - SCALE * at}h8` });
    }
    const line = f.svg("path", { class: "way trained wide-line" });
    const misses = [0, 1].map(() => f.svg("path", { class: "miss" }));
    const dots = [0, 1].map(() => f.svg("circle", { r: 8, class: "reached" }));
    const rings = state.moves.map((_, i) => {
      const group = f.svg("g", {});
      f.svg("circle", { r: 15, class: "wanted" }, group);
      f.text(0, -21, `token ${i + 1}`, "small", group);
      f.point(group, {
        label: `The move wanted of token ${i + 1}`, step: 0.05,
        get: () => state.moves[i],
        set: (move) => (state.moves = state.moves.map((old, j) => (j === i ? move : old))),
        from: (x, y, [a, b], x0, y0) => [a + (x - x0) / SCALE, b - (y - y0) / SCALE],
      });
      return group;
    });
    f.choice("rank r", [["1", 1], ["2", 2]], () => state.rank, (rank) => (state.rank = rank));
    f.button("From the start", () => Object.assign(state, figure.start(), { rank: state.rank }));
    return ({ reached }) => {
      const far = reached.flat().every((v) => v === 0) ? [0, 0] : reached.reduce((a, b) => (Math.hypot(...b) > Math.hypot(...a) ? b : a));
      const long = Math.hypot(...far) || 1, [x, y] = far.map((v) => (1.2 * v) / long);
      line.setAttribute("d", state.rank === 1 ? `M${px([x, y])}L${px([-x, -y])}` : "");
      state.moves.forEach((move, i) => {
        rings[i].setAttribute("transform", `translate(${px(move)})`);
        const [cx, cy] = px(reached[i]);
        dots[i].setAttribute("cx", cx);
        dots[i].setAttribute("cy", cy);
        misses[i].setAttribute("d", `M${px(move)}L${px(reached[i])}`);
      });
    };
  },
  say({ rank }, { loss }) {
    if (rank === 2) return "Rank 2: B has two rows, so each token goes where it should. The loss is 0.";
    if (loss < 5e-4) return "Rank 1, and both moves lie on one line: rank 1 is enough. The loss is 0.000.";
    return `Rank 1: B has one row, so both tokens can only move along one line. The best loss is ${shown(loss, 3)}; no training gets lower.`;
  },
};
