// Lessons run whole in the browser, and an exercise that is answered wrongly, then rightly.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, lessons, serve } from "./common.mjs";
import { address, cells, open, run, runAll, write } from "./notebook.mjs";

let site, chrome, context; // one, as a student has: the second lesson finds in the cache what the first one loaded
before(async () => { site = await serve(); chrome = await browser(); context = (await chrome.page()).context(); });
after(async () => { await chrome.close(); await site.close(); });

for (const number of (process.env.LESSONS ?? "01 05 07 09").split(" "))
  test(`lesson ${number} runs whole, and no cell fails`, async (t) => {
    const page = await chrome.page({ context });
    const name = lessons().find((lesson) => lesson.startsWith(number));
    const row = await runAll(page, address(site, `lessons/${name}`));
    t.diagnostic(JSON.stringify(row));
    assert.deepEqual(row.failing, []);
    assert.ok(row.cells > 5 && row.plot !== null);
    assert.deepEqual(page.errors, []);
    assert.deepEqual(chrome.outside(), []);
    await page.close();
  });

test("an exercise says of a wrong answer that it is not right yet, and of the right one that it is", async () => {
  const page = await chrome.page({ context });
  await open(page, address(site, "exercises/01_worked_example.ipynb"));
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
