// node table.mjs [NAME…]: every lesson run whole in Chromium, each in a browser of its own, as a table.
import { browser, bytes, lessons, serve } from "./common.mjs";
import { address, runAll } from "./notebook.mjs";

const wanted = process.argv.slice(2);
console.log("| lesson | kernel ready | first plot | all cells | slowest cell | cells | failing | outside | MB sent |");
console.log("|---|---|---|---|---|---|---|---|---|");
for (const name of lessons().filter((name) => !wanted.length || wanted.some((part) => name.startsWith(part)))) {
  const site = await serve(), chrome = await browser(), page = await chrome.page();
  try {
    const row = await runAll(page, address(site, `lessons/${name}`));
    const times = [row.kernel, row.plot, row.all, row.slowest].map((s) => (s === null ? "–" : `${s.toFixed(1)} s`));
    const sent = (bytes(site.log) / 1e6).toFixed(1);
    console.log(`| ${[name.slice(0, -6), ...times, row.cells, row.failing.length, chrome.outside().length, sent].join(" | ")} |`);
    for (const line of [...row.failing, ...chrome.outside(), ...page.errors]) console.log(`    ${name}: ${line}`);
    for (const { pathname, status } of site.log) if (status === 404) console.log(`    ${name}: 404 ${pathname}`);
  } catch (error) {
    console.log(`    ${name}: ${error.message}`, page.errors);
  }
  await chrome.close();
  await site.close();
}
