// node table.mjs [NAME…]: every lesson run whole in Chromium, each in a browser of its own, as a table.
//
// Each time is in seconds, with the processor seconds of the whole browser behind it, which say on a busy
// machine what a quiet one would take. The last row is a second visit by the same browser. CELLS=1 lists cells.
import { browser, bytes, lessons, processorSeconds, serve } from "./common.mjs";
import { address, open, runAll } from "./notebook.mjs";

const wanted = process.argv.slice(2);
const names = wanted.length ? wanted.map((part) => lessons().find((name) => name.startsWith(part))) : lessons();
const both = (time) => (time ? `${time.seconds.toFixed(1)} (${time.cpu.toFixed(1)})` : "–");
const list = (index, seconds, cpu) => process.env.CELLS && console.log(`    cell ${index}: ${both({ seconds, cpu })}`);
const line = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const sent = ({ log }) => (bytes(log.splice(0)) / 1e6).toFixed(1);

line("lesson", "kernel ready", "first plot", "all cells", "slowest", "cells", "failing", "outside", "MB sent");
line(...Array(9).fill("---"));
for (const name of names) {
  const site = await serve(), chrome = await browser(), page = await chrome.page();
  const url = address(site, `lessons/${name}`), title = name.slice(0, -6);
  try {
    const row = await runAll(page, url, list);
    const missing = site.log.filter(({ status }) => status === 404);
    line(title, ...[row.kernel, row.plot, row.all].map(both), row.slowest.toFixed(1), row.cells, row.failing.length, chrome.outside().length, sent(site));
    for (const each of [...row.failing, ...chrome.outside(), ...page.errors]) console.log(`    ${title}: ${each}`);
    for (const { pathname } of missing) console.log(`    ${title}: 404 ${pathname}`);
    if (name === names.at(-1)) {
      const again = await chrome.page({ context: page.context() }), spent = processorSeconds();
      await page.close();
      const seconds = (await open(again, url)) / 1000;
      line(`${title} again`, both({ seconds, cpu: processorSeconds() - spent }), ...Array(5).fill(""), chrome.outside().length, sent(site));
    }
  } catch (error) {
    console.log(`    ${title}: ${error.message}`, page.errors);
  }
  await chrome.close();
  await site.close();
}
