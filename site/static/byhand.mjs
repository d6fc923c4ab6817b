// The page "LoRA by hand": its figures, the package that takes them over, and the small GPT, live.
import { mountAll } from "./figures/frame.mjs";
import { begin } from "./live.mjs";

export async function open(page) {
  const figures = await mountAll(page);
  performance.mark("figures drawn");
  follow(page);
  const python = startPython();
  begin(page.querySelector("[data-live]"), python);
  await python.ready.catch(() => {});
  if (!python.failed) for (const figure of figures) figure.takeOver(python.ask);
}

/** A worker with the package: ask(name, state) is a promise of its numbers; ready, that it answers. */
function startPython() {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  const waiting = new Map(), python = { failed: false };
  let turn = 0;
  worker.onmessage = ({ data: { turn: at, numbers, error } }) => {
    const [done, fails] = waiting.get(at);
    waiting.delete(at);
    if (error) fails(new Error(error));
    else done(numbers);
  };
  worker.onerror = () => { for (const [, fails] of waiting.values()) fails(new Error("Python did not start in this browser")); };
  python.ask = (name, state) => new Promise((done, fails) => {
    waiting.set(++turn, [done, fails]);
    worker.postMessage({ turn, name, state });
  });
  python.ready = python.ask(null).catch((error) => { python.failed = true; throw error; });
  return python;
}

/** Say in the list of steps which one is being read. */
function follow(page) {
  const links = new Map([...page.querySelectorAll(".steps a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const [id, link] of links) link.toggleAttribute("aria-current", id === target.id);
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  for (const id of links.keys()) seen.observe(document.getElementById(id));
}
