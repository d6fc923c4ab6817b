// The small GPT, live: a LoRA learns the text in the box while the page shows its loss and what it writes.
import { svg } from "./figures/parts.mjs";

const LOOK = 20; // steps between two samples
const $ = (root, name) => root.querySelector(`[data-${name}]`);

export async function begin(root, python) {
  const [text, train, stop, on, says, heard] = ["text", "train", "stop", "on", "says", "heard"].map((name) => $(root, name));
  const run = { running: false, losses: [], about: null, text: null };
  root.live = run;
  const say = (words, aloud = true) => { says.textContent = words; if (aloud) heard.textContent = words; };
  const chart = draw($(root, "chart"));
  root.classList.add("figure-live");
  try {
    await python.ready;
  } catch (error) {
    return say(`${error.message}: this step needs a newer one. The five above work without it.`);
  }
  train.disabled = false;
  say("lora_np runs in this page. Press Train, or type a text of your own first.");

  train.addEventListener("click", async () => {
    Object.assign(run, { running: true, losses: [], text: text.value });
    const began = performance.now();
    for (const [button, state] of [[train, true], [stop, false], [on, true], [text, true]]) button.disabled = state;
    on.checked = true;
    chart([], 100);
    try {
      run.about = await python.ask("live.begin", { text: text.value });
      const { steps, loss, trained, base } = run.about;
      show("before", run.about);
      show("after", run.about);
      say(`The base knows Python's manual, not this: loss ${loss.toFixed(2)}. ${grouped(trained)} numbers of the LoRA learn beside ${grouped(base)} frozen ones.`);
      while (run.running && run.losses.length < steps) {
        const { step, loss: now } = await python.ask("live.step");
        run.losses.push(now);
        chart(run.losses, steps);
        const seconds = (performance.now() - began) / 1000, left = (seconds / step) * (steps - step);
        say(`Step ${step} of ${steps}, loss ${now.toFixed(2)}; about ${Math.ceil(left)} s more.`, step % LOOK === 0);
        if (step % LOOK === 0 || step === steps) show("after", await python.ask("live.look", { on: true }));
      }
      run.after = await python.ask("live.look", { on: true });
      run.seconds = (performance.now() - began) / 1000;
      show("after", run.after);
      say(`After ${run.losses.length} steps, ${Math.round(run.seconds)} s: loss on your text ${loss.toFixed(2)} → ${run.after.loss.toFixed(2)}. Now switch the LoRA off.`);
      on.disabled = false;
    } catch (error) {
      say(error.message.replace(/^ValueError: /, ""));
    }
    run.running = false;
    for (const [button, state] of [[train, false], [stop, true], [text, false]]) button.disabled = state;
    train.textContent = "Train a new LoRA";
  });

  stop.addEventListener("click", () => (run.running = false));
  on.addEventListener("change", async () => {
    const look = await python.ask("live.look", { on: on.checked });
    show("after", look);
    const same = look.bytes === run.about.bytes && look.sample === run.about.sample;
    say(on.checked
      ? `The LoRA is on: loss ${look.loss.toFixed(2)}.`
      : `The LoRA is off: loss ${look.loss.toFixed(2)}, ${same ? "the same sample as before training. The base is back, byte for byte" : "and the base has changed"} (checksum ${look.bytes}, before ${run.about.bytes}).`);
  });

  function show(where, { prompt, sample }) {
    const place = $(root, where);
    place.replaceChildren(Object.assign(document.createElement("b"), { textContent: prompt }), sample);
  }
}

const grouped = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

/** The curve of the loss; both axes start at zero. */
function draw(root) {
  const [W, H, left, low] = [380, 180, 44, 150];
  const picture = svg(root, "svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "The loss of each step; the sentence below says it in words" });
  svg(picture, "path", { class: "axis", d: `M${left} 10V${low}H${W - 8}` });
  svg(picture, "text", { x: left - 8, y: low + 5, class: "small end" }, "0");
  const top = svg(picture, "text", { x: left - 8, y: 18, class: "small end" }, "4");
  svg(picture, "text", { x: left + 8, y: 18, class: "small muted start" }, "loss, nats a character");
  const last = svg(picture, "text", { x: W - 8, y: low + 20, class: "small end" }, "100");
  svg(picture, "text", { x: (W + left) / 2, y: low + 20, class: "small muted" }, "step");
  const line = svg(picture, "path", { class: "way trained", d: "" });
  return (losses, steps) => {
    const most = Math.max(4, Math.ceil(Math.max(0, ...losses)));
    top.textContent = most;
    last.textContent = steps;
    const at = (loss, i) => `${left + ((W - 8 - left) * (i + 1)) / steps} ${low - ((low - 10) * loss) / most}`;
    line.setAttribute("d", losses.length ? `M${losses.map(at).join("L")}` : "");
  };
}
