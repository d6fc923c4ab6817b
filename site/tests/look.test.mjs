// How pages look and whether all can use them: screenshots at both widths and themes, and axe's rules.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { SHOTS, browser, serve } from "./common.mjs";

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = {
  start: "", by_hand: "by_hand.html", figures: "figures.html", lessons: "lessons/index.html", lesson: "lessons/05_nf4.html",
  exercise: "exercises/01_worked_example.html", api: "api/methods.html", index: "api/index.html",
  claims: "guides/claims.html", one_file: "guides/one_file.html", search: "search.html?q=rank",
};

let site, chrome;
before(async () => { site = await serve(); chrome = await browser(); fs.mkdirSync(SHOTS, { recursive: true }); });
after(async () => { await chrome.close(); await site.close(); });

for (const [name, where] of Object.entries(PAGES))
  for (const scheme of ["light", "dark"])
    for (const width of [400, 1280])
      test(`${name}, ${scheme}, ${width} pixels wide`, async () => {
        const page = await chrome.page({ width, scheme });
        await page.goto(`${site.url}/${where}`);
        await page.waitForFunction(() => !window.MathJax?.startup?.promise || window.MathJax.startup.promise.then(() => true));
        await page.waitForTimeout(300);
        await page.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png` });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(over <= 0, `it is ${over} pixels too wide`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
        const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        const said = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 160)).slice(0, 4).join(" | ")}`);
        assert.deepEqual(said, []);
        assert.deepEqual(page.errors, []);
        await page.context().close();
      });
