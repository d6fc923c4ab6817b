import { browser, serve } from "./common.mjs";
const wants = process.argv.slice(2); // where:width:scheme:name
const site = await serve("/tmp/w5/fig25/out/figures"), chrome = await browser();
for (const want of wants) {
  const [where, width, scheme, name] = want.split(":");
  const page = await chrome.page({ width: +width, scheme });
  page.setDefaultTimeout(300000);
  await page.goto(`${site.url}/${where}`, { waitUntil: "commit" });
  await page.waitForFunction(() => { const all = [...document.querySelectorAll("[data-figure]")]; return all.length && all.every((r) => r.live?.first); }, undefined, { timeout: 300000 });
  await page.waitForTimeout(600);
  console.log(name, "errors", page.errors, JSON.stringify(await page.evaluate(() => [...document.querySelectorAll("[data-figure]")].map(r => [r.dataset.figure, Math.round(r.live?.first), r.live?.took]))), "wide", await page.evaluate(() => document.documentElement.scrollWidth - innerWidth));
  await page.screenshot({ path: `/tmp/w5/fig25_shots/${name}.png`, fullPage: true, timeout: 300000 });
  await page.context().close();
}
await chrome.close(); await site.close();
