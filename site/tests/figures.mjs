// node figures.mjs: drives every figure, and prints the table of figures.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { SITE, browser, serve } from "./common.mjs";

const MODULES = path.join(SITE, "_static", "figures");
const GALLERY = "figures.html", STATES = 200;
const SHARED = new Set(["axes.mjs", "frame.mjs", "parts.mjs", "notebook.mjs"]);
export const names = () => fs.readdirSync(MODULES).filter((name) => name.endsWith(".mjs") && !SHARED.has(name)).map((name) => name.slice(0, -4));

/** The page of all figures, all of them drawn. */
export async function gallery(chrome, site, options) {
  const page = await chrome.page(options);
  await page.goto(`${site.url}/${GALLERY}`);
  await page.waitForFunction(() => [...document.querySelectorAll("[data-figure]")].every((root) => root.live?.first));
  return page;
}

/** What of a figure does not work: [] if by keyboard, by dragging and read aloud it does. */
export async function faults(page, name) {
  const root = page.locator(`[data-figure="${name}"]`).first(), wrong = [];
  const says = () => root.locator(".state").innerText();
  const value = (handle) => handle.getAttribute("aria-valuetext");
  const handles = await root.locator(".handle").all(), sentences = new Set([await says()]);
  if (!sentences.has(await root.evaluate((it) => it.live.says.textContent))) wrong.push("no sentence");
  for (const handle of handles) {
    const label = await handle.getAttribute("aria-label"), before = await value(handle);
    await handle.focus();
    for (const [key, undo] of [["ArrowRight", "ArrowLeft"], ["ArrowLeft", "ArrowRight"]]) {
      await page.keyboard.press(key);
      if ((await value(handle)) === before) continue;
      sentences.add(await says());
      await page.keyboard.press(undo);
      break;
    }
    if ((await value(handle)) !== before) wrong.push(`${label}: ${before} is not back after a key and its opposite`);
    if (!label) wrong.push("a handle without a name");
    if (!(await handle.evaluate((it) => it === document.activeElement))) wrong.push(`${label}: it lost the focus`);
  }
  for (const slider of await root.locator("input[type=range]").all()) {
    const before = await value(slider);
    await slider.focus();
    await page.keyboard.press("ArrowRight");
    if ((await value(slider)) === before) await page.keyboard.press("ArrowLeft");
    if ((await value(slider)) === before) wrong.push(`${await slider.getAttribute("aria-label")}: arrow keys do nothing`);
    sentences.add(await says());
  }
  if (handles.length) {
    const handle = handles.at(-1), before = await value(handle);
    await handle.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await handle.boundingBox();
    if (Math.min(width, height) < 16) wrong.push(`a handle of ${Math.round(width)}×${Math.round(height)} pixels is small for a finger`);
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 - 70, y + height / 2 + 30, { steps: 3 });
    await page.mouse.up();
    if ((await value(handle)) === before) wrong.push("dragging does nothing");
  }
  const buttons = root.getByRole("button");
  for (let i = 0; i < (await buttons.count()); i++) { // a choice may take others away
    await buttons.nth(i).click();
    sentences.add(await says());
  }
  if (sentences.size < 2) wrong.push("the sentence never changes");
  for (const sentence of sentences) if (!sentence || /NaN|undefined|null/.test(sentence)) wrong.push(`it says: ${sentence}`);
  await page.waitForTimeout(600);
  if ((await root.locator("[role=status]").innerText()) !== (await says())) wrong.push("the sentence is not read aloud");
  return wrong;
}

/** Milliseconds to compute and paint one change, the middle of many. */
export const drag = (page, name) =>
  page.evaluate((figure) => {
    const { live } = document.querySelector(`[data-figure="${figure}"]`);
    const took = Array.from({ length: 101 }, () => (live.change(), live.took));
    return took.sort((a, b) => a - b)[50];
  }, name);

/** The largest difference between JavaScript and the package over random states, relative above 1. */
async function gap(page, name) {
  return page.evaluate(async ([figureName, count]) => {
    const worker = (window.python ??= new Worker(new URL("_static/worker.mjs", location.href), { type: "module" }));
    const { figure } = await import(new URL(`_static/figures/${figureName}.mjs`, location.href));
    const ask = (state) => new Promise((done) => {
      worker.onmessage = ({ data }) => done(data);
      worker.postMessage({ turn: 0, name: figureName, state });
    });
    const most = (a, b) => {
      if (typeof a === "number") return Math.abs(a - b) / Math.max(1, Math.abs(b));
      return Object.keys(a).reduce((far, key) => Math.max(far, most(a[key], b[key])), 0);
    };
    let far = 0;
    for (let i = 0; i < count; i++) {
      const state = figure.any(Math.random), { numbers, error } = await ask(state);
      if (error) throw new Error(`${figureName}: ${error}`);
      far = Math.max(far, most(figure.compute(state), numbers));
    }
    return far;
  }, [name, STATES]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const site = await serve(), chrome = await browser(), page = await gallery(chrome, site);
  console.log("| figure | lines | first paint | a drag | largest difference from the package | keyboard, drag, read aloud |");
  console.log("|---|---|---|---|---|---|");
  for (const name of names()) {
    const lines = fs.readFileSync(path.join(MODULES, `${name}.mjs`), "utf8").split("\n").length - 1;
    const first = await page.evaluate((figure) => document.querySelector(`[data-figure="${figure}"]`).live.first, name);
    const [took, wrong, far] = [await drag(page, name), await faults(page, name), await gap(page, name)];
    console.log(`| ${name} | ${lines} | ${first.toFixed(0)} ms | ${took.toFixed(2)} ms | ${far.toExponential(1)} | ${wrong.join("; ") || "works"} |`);
  }
  await chrome.close();
  await site.close();
}
