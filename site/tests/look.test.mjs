// How pages look and whether all can use them: screenshots at both widths and themes, and axe's rules.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { SHOTS, browser, serve } from "./common.mjs";
import { address, open } from "./notebook.mjs";

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = {
  start: "", by_hand: "by_hand.html", figures: "figures.html", lessons: "lessons/index.html", lesson: "lessons/05_nf4.html",
  exercise: "exercises/01_worked_example.html", api: "api/methods.html", index: "api/index.html",
  claims: "guides/claims.html", one_file: "guides/one_file.html", search: "search.html?q=rank",
};

let site, chrome;
before(async () => { site = await serve(); chrome = await browser(); fs.mkdirSync(SHOTS, { recursive: true }); });
after(async () => { await chrome.close(); await site.close(); });

/** What axe calls serious or critical: { rule: [the elements] }. */
async function serious(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return Object.fromEntries(bad.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]));
}

async function shot(page, name, scheme, width) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height: 900 });
  await page.waitForTimeout(300); // for colours that change slowly
  await page.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png` });
}

for (const [name, where] of Object.entries(PAGES))
  test(`${name}: fits 400 and 1280 pixels, light and dark, and can be read by all`, async () => {
    const page = await chrome.page();
    await page.goto(`${site.url}/${where}`);
    await page.waitForFunction(() => !window.MathJax?.startup?.promise || window.MathJax.startup.promise.then(() => true));
    await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true))); // what is folded is read too
    for (const [scheme, width] of [["dark", 400], ["light", 400], ["light", 1280], ["dark", 1280]]) {
      await shot(page, name, scheme, width);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `at ${width} pixels it is ${over} too wide`);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
      assert.deepEqual(await serious(page), {}, `${scheme}, ${width} pixels`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });

// What axe finds in a live notebook. Its elements are JupyterLab's own, which no setting changes: by rule,
// which part of it has the fault.
const JUPYTERLABS = {
  "aria-input-field-name": "the cells' editors have no name",
  "aria-required-children": "the list of cells is a feed whose children are no articles",
  "button-name": "the button that folds a heading has no name",
  "link-name": "the logo that leads to the list of files has no name",
  tabindex: "the link that skips to the first cell stands first by a tabindex of 1",
};

test("live: the notebook page fits a phone, and axe finds in it what is JupyterLab's and no more", async (t) => {
  const page = await chrome.page();
  await open(page, address(site, "lessons/01_worked_example.ipynb"));
  for (const [scheme, width] of [["dark", 400], ["light", 400], ["light", 1280]]) await shot(page, "live", scheme, width);
  const found = await serious(page);
  for (const [rule, elements] of Object.entries(found)) t.diagnostic(`${rule}: ${elements.length}`);
  assert.deepEqual(Object.keys(found).filter((rule) => !(rule in JUPYTERLABS)), []);
  await page.context().close();
});
