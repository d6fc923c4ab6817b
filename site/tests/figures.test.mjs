// Every figure, touched: by keyboard, dragged, read aloud, at 400 pixels, with motion reduced; and LoRA by hand.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { SITE, browser, serve } from "./common.mjs";
import { faults, gallery, names } from "./figures.mjs";

let site, chrome;
before(async () => { site = await serve(); chrome = await browser(); });
after(async () => { await chrome.close(); await site.close(); });

for (const [width, does] of [[400, "works by keyboard and by dragging, is read aloud,"], [1280, ""]])
  test(`every figure ${does} fits and can be read, ${width} pixels wide`, async () => {
    const page = await gallery(chrome, site, { width });
    if (does) for (const name of names()) assert.deepEqual(await faults(page, name), [], name);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `the page is ${over} pixels too wide`);
    const small = await page.evaluate(() => [...document.querySelectorAll(".figure-live svg text")]
      .filter((text) => text.textContent.trim())
      .map((text) => [text.closest("[data-figure]").dataset.figure, text.textContent, parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a])
      .filter(([, , pixels]) => pixels < 10.5));
    assert.deepEqual(small, [], "text that is too small");
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });

test("D is drawn by pointer and by keys, and a click puts the start of a descent there", async () => {
  const page = await gallery(chrome, site, { width: 1280 });
  const state = (name) => page.evaluate((figure) => document.querySelector(`[data-figure="${figure}"]`).live.state, name);
  const pen = page.locator('[data-figure="rank"] .draw');
  await pen.focus();
  for (const key of ["ArrowRight", "ArrowDown", " "]) await page.keyboard.press(key);
  assert.equal((await state("rank")).D[1][1], 1);
  const { x, y, width, height } = await pen.boundingBox();
  await page.mouse.move(x + (2.5 / 30) * width, y + height / 20);
  await page.mouse.down();
  await page.mouse.move(x + (6.5 / 30) * width, y + height / 20, { steps: 8 });
  await page.mouse.up();
  assert.deepEqual((await state("rank")).D[0].slice(2, 7), [1, 1, 1, 1, 1]);
  for (const [name, wanted] of [["landscape", [-0.9, 0.9]], ["valley", [-0.325, 0.45]]]) {
    const plane = page.locator(`[data-figure="${name}"] .pick`), box = await plane.boundingBox();
    await plane.click({ position: { x: box.width / 4, y: box.height / 4 } });
    const { start } = await state(name);
    assert.ok(start.every((v, i) => Math.abs(v - wanted[i]) < 0.05), `${name}: ${start}`);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("where motion is to be reduced, nothing moves by itself", async () => {
  const page = await chrome.page();
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(`${site.url}/by_hand.html`);
  await page.getByRole("button", { name: "One step" }).first().click();
  await page.waitForTimeout(100);
  assert.equal(await page.evaluate(() => document.getAnimations().filter((a) => a.effect.target.closest(".figure-live")).length), 0);
  await page.context().close();
});

test("in a notebook a figure comes as text, and the kernel's numbers take over", async () => {
  const folder = path.join(SITE, "_static", "figures"), sources = {};
  for (const name of fs.readdirSync(folder, { recursive: true }).filter((each) => each.endsWith(".mjs"))) {
    sources[name.replaceAll(path.sep, "/")] = fs.readFileSync(path.join(folder, name), "utf8");
  }
  const page = await chrome.page();
  await page.goto(`${site.url}/figures.html`);
  const said = await page.evaluate(async (texts) => {
    const { default: widget } = await import(new URL("_static/figures/notebook.mjs", location.href));
    const { figure } = await import(new URL("_static/figures/paths.mjs", location.href));
    const el = document.createElement("div"), values = { name: "paths", sources: texts, settings: { alpha: 4 } };
    document.body.append(el);
    let hear;
    const model = {
      get: (name) => values[name],
      on: (_, heard) => (hear = heard),
      send: ({ turn, state }) => setTimeout(() => hear({ turn, numbers: figure.compute(state) })),
    };
    await widget.render({ model, el });
    await new Promise((done) => setTimeout(done, 100));
    return el.innerText;
  }, sources);
  assert.match(said, /s = α\/r = 4.00/);
  assert.match(said, /Computed by lora_np itself, in this notebook's kernel/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("on lesson 3's page the figure stands in the picture's place", async () => {
  const page = await chrome.page();
  await page.goto(`${site.url}/lessons/03_rank_alpha_init.html`);
  await page.locator('[data-figure="rank"] .state').waitFor();
  assert.equal(await page.locator('[data-figure="rank"] img').count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("LoRA by hand: B moves first, W never, and both at zero are stuck", async () => {
  const page = await chrome.page();
  await page.goto(`${site.url}/by_hand.html`);
  const root = page.locator("#one-step [data-figure]"), state = () => root.evaluate((it) => it.live.state);
  await root.getByRole("button", { name: "One step" }).waitFor();
  const start = await state();
  await root.getByRole("button", { name: "One step" }).click();
  const one = await state();
  assert.deepEqual([one.W, one.A], [start.W, start.A]);
  assert.notDeepEqual(one.B, start.B);
  await root.getByRole("button", { name: "Twenty steps" }).press("Enter");
  assert.match(await root.locator(".state").innerText(), /Step 21: the last one moved A and B/);
  await root.getByRole("button", { name: "Both A and B zero" }).click();
  await root.getByRole("button", { name: "Twenty steps" }).click();
  assert.ok([...(await state()).A, ...(await state()).B].flat().every((v) => v === 0));
  assert.match(await root.locator(".state").innerText(), /moved nothing/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the package takes over, and a LoRA trains in the page, which stays free", async (t) => {
  const page = await chrome.page();
  await page.addInitScript(() => {
    window.longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (window.longest = Math.max(window.longest, duration)))).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`${site.url}/by_hand.html`);
  await page.waitForFunction(() => [...document.querySelectorAll("[data-figure]")].every((root) => Number.isFinite(root.live?.gap)));
  const gaps = await page.evaluate(() => [...document.querySelectorAll("[data-figure]")].map((root) => root.live.gap));
  assert.ok(gaps.every((gap) => gap < 1e-12), gaps.join(" "));
  await page.evaluate(() => (window.longest = 0)); // what follows is with the page in use
  await page.getByRole("button", { name: "Train 100 steps" }).click();
  await page.waitForFunction(() => document.querySelector("[data-live]").live.losses.length >= 3);
  const steps = Number(process.env.STEPS ?? 12);
  await page.waitForFunction((n) => document.querySelector("[data-live]").live.losses.length >= n, steps, { timeout: 1_500_000 });
  if (steps < 100) await page.getByRole("button", { name: "Stop" }).click();
  await page.waitForFunction(() => document.querySelector("[data-live]").live.after, undefined, { timeout: 1_500_000 });
  const run = await page.evaluate(() => document.querySelector("[data-live]").live);
  assert.ok(run.after.loss < run.about.loss - 0.1, `${run.about.loss} → ${run.after.loss}`);
  await page.getByRole("switch", { name: "LoRA on" }).click();
  await page.getByText("The base is back, byte for byte").first().waitFor();
  const longest = await page.evaluate(() => window.longest);
  t.diagnostic(`${run.losses.length} steps in ${run.seconds.toFixed(1)} s, loss ${run.about.loss.toFixed(3)} → ${run.after.loss.toFixed(3)}; longest block of the page ${longest.toFixed(0)} ms`);
  assert.ok(longest < 100 * Number(process.env.PATIENCE ?? 1), `the page was blocked for ${longest} ms`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
