// The law of tests/course/test_interactive.py without Python, for a mutant a second: each figure
// computes what the package answered (mutants/javascript/answers.json), within 1e-12.
import { readFileSync } from "node:fs";
import "../../helpers/figure_edges.mjs";

const FIGURES = new URL("../../../lora_np/course/interactive/", import.meta.url);
const rows = JSON.parse(readFileSync(process.env.ANSWERS, "utf8"));

/** {where: number} of a nested result. */
function flat(value, at = "") {
  if (value === null || typeof value !== "object") return { [at]: value };
  return Object.assign({}, ...Object.entries(value).map(([key, item]) => flat(item, `${at}.${key}`)));
}

for (const [name, state, answer] of rows) {
  const { figure } = await import(new URL(`${name}.mjs`, FIGURES));
  const numbers = figure.compute(state), said = figure.say(state, numbers);
  const ours = flat(answer), theirs = flat(JSON.parse(JSON.stringify(numbers)));
  // JSON writes NaN as null.
  const same = (at) => at in theirs && theirs[at] !== null && Math.abs(theirs[at] - ours[at]) <= 1e-12 + 1e-12 * Math.abs(ours[at]);
  const wrong = Object.keys({ ...ours, ...theirs }).find((at) => !(at in ours && same(at)));
  if (wrong !== undefined) throw new Error(`${name}${wrong}: ${theirs[wrong]}, the package says ${ours[wrong]}`);
  if (!said || /NaN|undefined|null/.test(said)) throw new Error(`${name} says ${said}`);
}
