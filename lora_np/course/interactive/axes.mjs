// Scales, axes and lines of figures that plot. An axis says where it starts, and has a tick at each end.
import { shown } from "./parts.mjs";

/** From the values lo … hi to the places from … to of the picture; `.back` is from a place to a value. */
export function scale([lo, hi], [from, to], log = false) {
  const [f, inverse] = log ? [Math.log, Math.exp] : [(v) => v, (v) => v];
  const per = (to - from) / (f(hi) - f(lo));
  const at = (v) => from + per * (f(v) - f(lo));
  return Object.assign(at, { back: (place) => inverse(f(lo) + (place - from) / per), ends: [from, to] });
}

/** A horizontal axis at the height y, with its name at the right end, below the ticks. */
export function below(f, at, y, ticks, name, words = plain) {
  const [from, to] = at.ends;
  f.svg("path", { class: "axis", d: `M${from} ${y}H${to}` });
  for (const v of ticks) {
    f.svg("path", { class: "axis", d: `M${at(v)} ${y}v5` });
    f.text(at(v), y + 19, words(v), "small muted");
  }
  f.text(to, y + 37, name, "small muted end");
}

/** An upright axis at x, with its name above it. */
export function beside(f, at, x, ticks, name, words = plain) {
  const [from, to] = at.ends;
  f.svg("path", { class: "axis", d: `M${x} ${from}V${to}` });
  for (const v of ticks) {
    f.svg("path", { class: "axis", d: `M${x} ${at(v)}h-5` });
    f.text(x - 8, at(v) + 5, words(v), "small muted end");
  }
  f.text(x - 5, Math.min(from, to) - 10, name, "small muted start");
}

/** What draws an axis that changes: into `group`, which is emptied first. */
export function anew(f, group) {
  group.replaceChildren();
  return { svg: (name, given) => f.svg(name, given, group), text: (x, y, words, kind) => f.text(x, y, words, kind, group) };
}

/** A number as short as it is exact, with a true minus sign. */
export const plain = (v) => `${+v.toFixed(6)}`.replace("-", "−");

/** A small or large number: three digits, and a power of ten where that is shorter. */
export function brief(v) {
  if (v === 0 || (Math.abs(v) >= 0.001 && Math.abs(v) < 1e5)) return shown(v, Math.abs(v) < 0.1 ? 4 : 2);
  const [digits, tens] = v.toExponential(1).split("e");
  return `${digits} · 10${raised(+tens)}`.replace(/^-/, "−");
}

/** A power of ten, for the ticks of a logarithmic axis. */
export const power = (v) => `10${raised(Math.round(Math.log10(v)))}`;

const raised = (n) => [...String(n)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");

/** The path through points of the picture; what is not finite ends it. */
export function line(points) {
  const end = points.findIndex((p) => !p.every(Number.isFinite));
  return points.slice(0, end < 0 ? undefined : end).map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
}

/** Where nothing is drawn outside of: the `clip-path` of a rectangle. */
export function window_(f, [x, y, width, height]) {
  const id = `clip${(window_.count = (window_.count ?? 0) + 1)}`;
  f.svg("rect", { x, y, width, height }, f.svg("clipPath", { id }));
  return `url(#${id})`;
}

/** Let a click or a tap on `element` do something with its place in the picture. */
export function clicked(f, element, does) {
  element.addEventListener("click", (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(f.picture.getScreenCTM().inverse());
    does(x, y);
    f.change();
  });
}

/** The smallest of 1, 2, 5, 10, 20 … that is not below v, and ticks from 0 to it. */
export function upTo(v) {
  const power = 10 ** Math.floor(Math.log10(Math.max(v, 1e-12)) - 1e-9);
  const top = power * [1, 2, 5, 10].find((k) => k * power >= v * (1 - 1e-9));
  return [top, [0, top / 2, top]];
}
