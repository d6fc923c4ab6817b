// What a training step of a GPT holds, by method: weights, gradients, moments, and the activations of its texts.
import { anew, below, plain, scale, upTo } from "./axes.mjs";
import { METHODS, held } from "./maths/memory.mjs";
import { shown } from "./parts.mjs";

const NAMES = { full: "full", c_attn: "LoRA, c_attn", LoRA: "LoRA, all", QLoRA: "QLoRA, all", head: "head" };
const SAID = { full: "Full fine-tuning", c_attn: "LoRA on c_attn", LoRA: "LoRA on all matrices", QLoRA: "QLoRA on all matrices", head: "Head tuning" };
const KINDS = ["weights", "gradients", "moments", "activations"];
const WIDTHS = [128, 256, 512, 768, 1024, 1280, 1600, 2048, 4096, 8192, 12288];
const UNITS = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"]];
const unitOf = (bytes) => UNITS.find(([size]) => bytes >= size) ?? UNITS[2];
const inUnit = (bytes, [size, name]) => `${shown(bytes / size, bytes / size < 10 ? 2 : bytes / size < 100 ? 1 : 0)} ${name}`;

export const figure = {
  name: "memory",
  title: "What a training step of a GPT holds in memory",
  lesson: "04_savings",
  start: () => ({ width: 768, layers: 12, heads: 12, texts: 8, tokens: 512, rank: 8, vocabulary: 50257, positions: 1024, method: "LoRA" }),
  size: (narrow) => (narrow ? [380, 400] : [760, 330]),
  any(random) {
    const whole = (most) => 1 + Math.floor(most * random()), heads = whole(16);
    return { vocabulary: 1 + Math.floor(9999 * random()), positions: 1024, width: 4 * heads * whole(64), layers: whole(96), heads, texts: whole(64), tokens: whole(1024), rank: whole(64), method: METHODS[Math.floor(5 * random())] };
  },
  compute: held,
  build(f, state) {
    const [left, right, first, step] = f.narrow ? [12, 368, 70, 57] : [130, 690, 50, 46], bottom = first + step * 5 - 18;
    const patterns = f.svg("defs", {});
    const id = `stripes${Math.random().toString(36).slice(2)}`;
    const pattern = f.svg("pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, patterns);
    f.svg("rect", { width: 7, height: 7, class: "paper" }, pattern);
    f.svg("rect", { width: 3, height: 7, class: "stripe" }, pattern);
    let at = f.narrow ? 12 : 130;
    KINDS.forEach((kind, k) => {
      f.svg("rect", { x: at, y: 12, width: 14, height: 14, class: `part${k}`, ...(k === 3 && { style: `fill:url(#${id})` }) });
      f.text(at + 19, 24, kind, "small start");
      at += [80, 88, 92][k] ?? 0;
    });
    const axis = f.svg("g", {});
    const rows = METHODS.map((method, i) => {
      const y = first + step * i, chosen = f.svg("rect", { x: 2, y: y - (f.narrow ? 24 : 8), width: f.narrow ? 376 : 756, height: f.narrow ? 54 : 42, rx: 6, class: "row" });
      f.text(f.narrow ? left : left - 10, f.narrow ? y - 7 : y + 18, NAMES[method], f.narrow ? "small start" : "end");
      const bars = KINDS.map((_, k) => f.svg("rect", { y, height: 26, class: `part${k}`, ...(k === 3 && { style: `fill:url(#${id})` }) }));
      return { method, chosen, bars, total: f.text(f.narrow ? right : 0, f.narrow ? y - 7 : y + 18, "", f.narrow ? "small end" : "start") };
    });
    const choose = (name, values, label) => f.slider({
      label, min: 0, max: values.length - 1, step: 1, text: (i) => plain(values[i]),
      get: () => Math.max(0, values.indexOf(state[name])), set: (i) => (state[name] = values[i]),
    });
    const whole = (name, min, max, label) => f.slider({ label, min, max, step: 1, text: plain, get: () => state[name], set: (v) => (state[name] = v) });
    choose("width", WIDTHS, "width d").addEventListener("input", () => { state.heads = state.width / (state.width % 64 || state.width < 768 ? 32 : 64); f.change(); });
    whole("layers", 1, 96, "layers");
    choose("texts", [1, 2, 4, 8, 16, 32, 64, 128, 256], "texts");
    choose("tokens", [16, 32, 64, 128, 256, 512, 1024], "tokens of each");
    choose("rank", [1, 2, 4, 8, 16, 32, 64, 128], "rank r");
    f.choice("sentence about", METHODS.map((method) => [NAMES[method], method]), () => state.method, (v) => (state.method = v));
    return (numbers) => {
      const most = Math.max(...METHODS.map((method) => numbers[method].total)), unit = unitOf(most);
      const [high, ticks] = upTo(most / unit[0]), x = scale([0, high], [left, right - (f.narrow ? 0 : 40)]);
      below(anew(f, axis), x, bottom, ticks, `${unit[1]} held at once`, plain);
      for (const { method, chosen, bars, total } of rows) {
        let from = 0;
        bars.forEach((bar, k) => {
          const part = numbers[method].bytes[k] / unit[0];
          bar.setAttribute("x", x(from));
          bar.setAttribute("width", x(from + part) - x(from));
          from += part;
        });
        chosen.classList.toggle("at", method === state.method);
        total.textContent = inUnit(numbers[method].total, unitOf(numbers[method].total));
        if (!f.narrow) total.setAttribute("x", x(from) + 8);
      }
    };
  },
  say({ method, texts, tokens, vocabulary }, numbers) {
    const { trained, bytes, total, even } = numbers[method], share = bytes[3] / total;
    const from = Math.max(1, Math.ceil(even)), more = from <= texts ? "more than all else" : "less than all else";
    return `${SAID[method]} trains ${trained.toLocaleString("en")} numbers and holds ${inUnit(total, unitOf(total))}. `
      + `Activations of ${texts} × ${tokens} tokens are ${shown(100 * share, share < 0.1 ? 1 : 0)} % of that, ${more}; they are from ${from.toLocaleString("en")} ${from === 1 ? "text" : "texts"} of this length on. `
      + `(GPT-2's shape, ${vocabulary.toLocaleString("en")} tokens to choose from, float32, AdamW; temporaries come on top.)`;
  },
};
