// Lessons run whole in the browser, and an exercise that all can use is answered wrongly, then rightly.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, lessons, serious, serve } from "./common.mjs";
import { address, cells, open, run, runAll, write } from "./notebook.mjs";

let site, chrome, context; // one, as a student has: the second lesson finds in the cache what the first one loaded
before(async () => { site = await serve(); chrome = await browser(); context = (await chrome.page()).context(); });
after(async () => { await chrome.close(); await site.close(); });

for (const number of (process.env.LESSONS ?? "03 05 07 09").split(" "))
  test(`lesson ${number} runs whole, and no cell fails`, async (t) => {
    const page = await chrome.page({ context });
    const name = lessons().find((lesson) => lesson.startsWith(number));
    const row = await runAll(page, address(site, `lessons/${name}`));
    t.diagnostic(JSON.stringify(row));
    assert.deepEqual(row.failing, []);
    assert.ok(row.cells > 5 && row.plot !== null);
    if (number === "03") await touch(page);
    assert.deepEqual(page.errors, []);
    assert.deepEqual(chrome.outside(), []);
    await page.close();
  });

/** Lesson 3's figure lives in the notebook: its numbers are the kernel's. */
async function touch(page) {
  await page.getByText("Computed by lora_np itself, in this notebook's kernel").first().waitFor();
  await page.getByRole("slider", { name: "rank r" }).press("ArrowRight");
  await page.getByText("The first 4 outer products leave an error").first().waitFor();
}

// What axe finds in a live notebook. Its elements are JupyterLab's own, which no setting changes: by rule,
// which part of it has the fault.
const JUPYTERLABS = {
  "aria-input-field-name": "the cells' editors have no name",
  "aria-required-children": "the list of cells is a feed whose children are no articles",
  "button-name": "the button that folds a heading has no name",
  "link-name": "the logo that leads to the list of files has no name",
  tabindex: "the link that skips to the first cell stands first by a tabindex of 1",
};

test("an exercise says of a wrong answer that it is not right yet, and of the right one that it is", async (t) => {
  const page = await chrome.page({ context });
  await open(page, address(site, "exercises/01_worked_example.ipynb"));
  const found = await serious(page);
  for (const [rule, elements] of Object.entries(found)) t.diagnostic(`${rule}: ${elements.length}`);
  assert.deepEqual(Object.keys(found).filter((rule) => !(rule in JUPYTERLABS)), []);
  const all = await cells(page);
  const at = (start) => all.findIndex(({ type, source }) => type === "code" && source.includes(start));
  const [first, answer, check] = [at("import check"), at("y_by_hand = ..."), at('check("1.1"')];
  assert.equal((await run(page, first)).error, "");
  await run(page, answer);
  assert.match((await run(page, check)).text, /not attempted/i);
  await write(page, answer, "y_by_hand = [0.54, -0.19]");
  await run(page, answer);
  assert.match((await run(page, check)).text, /not right yet/i);
  await write(page, answer, "y_by_hand = [0.1 - 0.4 - 0.7, 0.4 + 0.6 + 0.5]");
  await run(page, answer);
  const { text, error } = await run(page, check);
  assert.equal(error, "");
  assert.match(text, /right/i);
  assert.doesNotMatch(text, /not right/i);
  await page.close();
});
