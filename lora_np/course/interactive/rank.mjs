// Rank: D, which one draws, beside the sum of its first r outer products, and those products one by one.
import { byRank, outer, sumOf, svd } from "./maths/svd.mjs";
import { anew, below, beside, plain, scale, upTo } from "./axes.mjs";
import { shown } from "./parts.mjs";

const ART = `#............######......#.... #............#.....#....#.#... #............#......#...#.#... #............#......#..#...#..
  #......###...#.....#...#...#.. #.....#...#..######...#.....#. #....#.....#.#..#.....#######. #....#.....#.#...#...#.......#
  #.....#...#..#....#..#.......# ######.###...#.....#.#.......#`.split(/\s+/);
const word = () => ART.map((row) => [...row].map((c) => +(c === "#")));
const N = 10, M = 30, DRAWINGS = {
  "LoRA": word, "Cross": () => grid((i, j) => +(i === 4 || i === 5 || j === 14 || j === 15)),
  "Checkerboard": () => grid((i, j) => +((i + j) % 2 === 0)), "Diagonal": () => grid((i, j) => +(Math.floor(j / 3) === i)), "Nothing": () => grid(() => 0),
};
const grid = (f) => Array.from({ length: N }, (_, i) => Array.from({ length: M }, (_, j) => f(i, j)));

export const figure = {
  name: "rank",
  title: "A table as a sum of outer products",
  lesson: "03_rank_alpha_init",
  start: () => ({ D: word(), r: 3, at: [0, 0] }),
  size: (narrow) => (narrow ? [380, 580] : [760, 440]),
  any(random) { // rows that repeat, so of any rank
    const rows = grid(() => +(random() < 0.5)), some = 1 + Math.floor(N * random());
    return { D: rows.map(() => rows[Math.floor(some * random())]), r: Math.floor(11 * random()), at: [0, 0] };
  },
  compute: ({ D }) => byRank(D),
  build(f, state) {
    const [w, h] = [360, 120], second = f.narrow ? [10, 178] : [390, 30];
    const drawn = picture(10, 30, w, h), sum = picture(...second, w, h);
    f.text(10, 21, "D, 300 numbers: draw in it", "small muted start");
    const title = f.text(second[0], second[1] - 9, "", "small start");
    const [tw, th] = f.narrow ? [68, 30] : [140, 47], top = f.narrow ? 326 : 178;
    const parts = Array.from({ length: N }, (_, k) => {
      const x = 10 + (k % 5) * (f.narrow ? 73 : 150), y = top + Math.floor(k / 5) * (th + 24);
      return { words: f.text(x, y - 5, "", "small muted start"), ...picture(x, y, tw, th) };
    });
    const cell = f.svg("rect", { width: 12, height: 12, class: "cell" });
    let last = null; // what the parts were drawn of
    pen();
    const [left, right, high, low] = f.narrow ? [50, 365, 450, 535] : [50, 745, 330, 395];
    const at = scale([0, N], [left + 12, right - 12]), axis = f.svg("g", {});
    below(f, at, low, [0, 2, 4, 6, 8, 10], "after r parts");
    const bars = Array.from({ length: N + 1 }, (_, r) => f.svg("rect", { x: at(r) - 8, width: 16, class: "bar" }));
    f.slider({ label: "rank r", min: 0, max: N, step: 1, get: () => state.r, set: (v) => (state.r = v), text: (v) => shown(v, 0) });
    for (const [words, make] of Object.entries(DRAWINGS)) f.button(words, () => (state.D = make()));

    /** A table as an image: orange above zero, blue with stripes of paper below, as strong as the number is large. */
    function picture(x, y, width, height) {
      f.svg("rect", { x, y, width, height, class: "plane" });
      const image = f.svg("image", { x, y, width, height, preserveAspectRatio: "none", class: "pixels" });
      const canvas = Object.assign(document.createElement("canvas"), { width: M, height: N }), context = canvas.getContext("2d");
      const show = (values) => {
        const data = context.createImageData(M, N);
        values.flat().forEach((v, i) => data.data.set([...(v > 0 ? [208, 98, 20] : [40, 110, 190]), Math.min(255, 255 * Math.abs(v))], 4 * i));
        context.putImageData(data, 0, 0);
        image.setAttribute("href", canvas.toDataURL());
      };
      return { image, show };
    }

    /** D is drawn by a pointer, or by arrow keys and the space bar. */
    function pen() {
      const area = f.svg("g", { tabindex: 0, role: "application", class: "draw", "aria-label": "D, 10 rows of 30. Arrow keys move, space draws." });
      f.svg("rect", { x: 10, y: 30, width: w, height: h, class: "clear" }, area);
      const put = (i, j, v) => { state.at = [i, j]; state.D = state.D.map((row, a) => row.map((old, b) => (a === i && b === j ? v : old))); f.change(); };
      let ink = null;
      const under = (event) => {
        const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(f.picture.getScreenCTM().inverse());
        return [Math.min(N - 1, Math.max(0, Math.floor((y - 30) / 12))), Math.min(M - 1, Math.max(0, Math.floor((x - 10) / 12)))];
      };
      area.addEventListener("pointerdown", (event) => {
        const [i, j] = under(event);
        area.setPointerCapture(event.pointerId);
        put(i, j, (ink = state.D[i][j] ? 0 : 1));
      });
      area.addEventListener("pointermove", (event) => { const [i, j] = under(event); if (ink !== null && state.D[i][j] !== ink) put(i, j, ink); });
      area.addEventListener("lostpointercapture", () => (ink = null));
      area.addEventListener("keydown", (event) => {
        const [di, dj] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], " ": [0, 0] }[event.key] ?? [];
        if (di === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        const [i, j] = [Math.min(N - 1, Math.max(0, state.at[0] + di)), Math.min(M - 1, Math.max(0, state.at[1] + dj))];
        put(i, j, event.key === " " ? +!state.D[i][j] : state.D[i][j]);
      });
    }
    function anotherD(found) {
      drawn.show(state.D);
      parts.forEach(({ words, show }, k) => {
        const part = outer(found.columns[k], found.rows[k]), most = Math.max(1e-9, ...part.flat().map(Math.abs));
        show(part.map((row) => row.map((v) => v / most))); // each at its own full strength; σ says how large it is
        words.textContent = f.narrow ? `σ ${shown(found.sigma[k], 1)}` : `part ${k + 1}: size σ = ${shown(found.sigma[k])}`;
      });
    }
    return ({ left: error }) => {
      const found = svd(state.D), { r } = state;
      sum.show(sumOf(found, r));
      parts.forEach(({ image }, k) => image.setAttribute("opacity", k < r ? 1 : 0.35));
      if (found !== last) anotherD((last = found));
      title.textContent = `sum of ${r === 1 ? "part 1" : `parts 1 to ${r}`}: ${r} · (10 + 30) = ${40 * r} numbers`;
      if (r === 0) title.textContent = "no part yet";
      cell.setAttribute("x", 10 + 12 * state.at[1]);
      cell.setAttribute("y", 30 + 12 * state.at[0]);
      const [most, ticks] = upTo(Math.max(error[0], 1)), y = scale([0, most], [low, high]);
      beside(anew(f, axis), y, left, ticks, "error left, |D − sum|", plain);
      bars.forEach((bar, k) => {
        bar.setAttribute("y", y(error[k]));
        bar.setAttribute("height", low - y(error[k]));
        bar.classList.toggle("trained", k === r);
      });
    };
  },
  say({ r, D, at: [i, j] }, { left, rank }) {
    const cell = `Row ${i + 1}, column ${j + 1} of D is ${D[i][j] ? "drawn" : "empty"}.`;
    return `D has rank ${rank}. The first ${r} outer products leave an error of ${shown(left[r])} of ${shown(left[0])}. No table of rank ${r} comes nearer. ${cell}`;
  },
};
