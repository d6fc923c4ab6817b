// Whether pages fit and all can use them, by axe's rules, at both widths and in both themes; SHOTS=DIR keeps pictures.
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";
import { browser, serious, serve } from "./common.mjs";

const PAGES = {
  start: "", by_hand: "by_hand.html", figures: "figures.html", lessons: "lessons/index.html", lesson: "lessons/05_nf4.html",
  exercise: "exercises/01_worked_example.html", api: "api/methods.html", index: "api/index.html",
  claims: "guides/claims.html", one_file: "guides/one_file.html", search: "search.html?q=rank",
};

const { SHOTS } = process.env;
let site, chrome;
before(async () => { site = await serve(); chrome = await browser(); if (SHOTS) fs.mkdirSync(SHOTS, { recursive: true }); });
after(async () => { await chrome.close(); await site.close(); });

/** Show the page so, and where SHOTS is set keep a picture of it. */
async function shown(page, name, scheme, width) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height: 900 });
  await page.waitForTimeout(300); // for colours that change slowly
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png` });
}

const LOOKS = [["dark", 400], ["light", 1280], ["light", 400], ["dark", 1280]];

for (const [index, [name, where]] of Object.entries(PAGES).entries())
  test(`${name}: fits 400 and 1280 pixels, light and dark, and can be read by all`, async () => {
    const page = await chrome.page();
    await page.goto(`${site.url}/${where}`);
    await page.waitForFunction(() => !window.MathJax?.startup?.promise || window.MathJax.startup.promise.then(() => true));
    await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true))); // what is folded is read too
    // Two looks a page, both widths and both themes among them; what stands on every page has all four.
    for (const [scheme, width] of SHOTS ? LOOKS : LOOKS.slice(2 * (index % 2)).slice(0, 2)) {
      await shown(page, name, scheme, width);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `at ${width} pixels it is ${over} too wide`);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
      assert.deepEqual(await serious(page), {}, `${scheme}, ${width} pixels`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
