// For test_interactive.py: each line of input is [figure, seed]; each line of output [state, its numbers].
// The state is a random one, which the figure's own `any` makes of that seed; without a seed the first.
import readline from "node:readline";

const FOLDER = new URL("../../lora_np/course/interactive/", import.meta.url);

/** Uniform numbers from 0 to 1 that follow from the seed (mulberry32). */
function generator(seed) {
  return () => {
    let t = (seed = (seed + 0x6d2b79f5) | 0);
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, seed] = JSON.parse(line);
  const { figure } = await import(new URL(`${name}.mjs`, FOLDER));
  const state = seed === null ? figure.start() : figure.any(generator(seed));
  console.log(JSON.stringify([state, figure.compute(state), figure.say(state, figure.compute(state))]));
}
