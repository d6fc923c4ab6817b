// The rendered pages in use: the start page, search, touching, progress, no network, links.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { SITE, browser, serve } from "./common.mjs";

let site, chrome;
before(async () => { site = await serve(); chrome = await browser(); });
after(async () => { await chrome.close(); await site.close(); });

async function visit(where, options) {
  const page = await chrome.page(options);
  await page.goto(`${site.url}/${where}`);
  return page;
}

async function well(page) {
  assert.deepEqual(page.errors, [], "errors in the console");
  assert.deepEqual(chrome.outside(), [], "requests to other hosts");
  await page.context().close();
}

test("the start page says what LoRA is, in a picture, and has three doors", async () => {
  const page = await visit("");
  const heading = await page.locator("h1").innerText();
  assert.match(heading, /LoRA/);
  const picture = page.locator("svg.paths");
  const { y, height } = await picture.boundingBox();
  assert.ok(y + height < 900, "the picture is seen without scrolling");
  const doors = await page.locator(".door").evaluateAll((all) => all.map((door) => [door.querySelector("b").innerText, door.getAttribute("href")]));
  assert.deepEqual(doors.map(([name]) => name), ["Touch", "Read", "Run"]);
  await well(page);
});

test("search finds the lesson that a word is at home in", async () => {
  const page = await visit("");
  await page.keyboard.press("Control+K");
  await page.keyboard.type("double quantization");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#search-results li a");
  const found = await page.locator("#search-results li a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  assert.ok(found.some((href) => href.includes("05_nf4")), found.join(" "));
  await well(page);
});

test("what is done is remembered", async () => {
  const page = await visit("lessons/01_worked_example.html");
  await page.getByRole("button", { name: "Mark as done" }).click();
  await page.goto(`${site.url}/lessons/index.html`);
  assert.equal(await page.locator("li.done").count(), 1);
  assert.equal(await page.locator("li.done").getAttribute("data-page"), "lessons/01_worked_example");
  await well(page);
});

test("a page that was visited opens without a network", async () => {
  const page = await visit("");
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.goto(`${site.url}/lessons/05_nf4.html`);
  await page.waitForLoadState("networkidle");
  await page.context().setOffline(true);
  await page.reload();
  assert.match(await page.locator("h1").innerText(), /NF4/);
  await page.context().close();
});

test("a request to another host would be seen", async () => {
  const other = await browser();
  const page = await other.page();
  await page.goto(site.url);
  await page.evaluate(() => fetch("http://example.org/x").catch(() => {}));
  await page.evaluate(() => new Promise((seen) => Object.assign(new Image(), { onerror: seen, src: "https://example.com/y.png" })));
  await page.evaluate(() => fetch("https://fonts.googleapis.com/css").catch(() => {})); // one that Chromium itself asks too
  assert.deepEqual(other.outside(), ["GET http://example.org/x", "CONNECT example.com:443", "GET https://fonts.googleapis.com/css"]);
  await other.close();
});

test("every link leads somewhere", () => {
  const pages = fs.readdirSync(SITE, { recursive: true }).filter((name) => name.endsWith(".html") && !name.startsWith("lite"));
  const texts = new Map(), broken = [];
  const text = (file) => texts.get(file) ?? texts.set(file, fs.readFileSync(file, "utf8")).get(file);
  for (const page of pages) {
    const file = path.join(SITE, page);
    for (const [, , link] of text(file).matchAll(/<(?:a|link|script|img)\b[^>]*?\s(href|src)="([^"]*)"/g)) {
      if (/^(https?:|mailto:|data:)/.test(link)) continue;
      const url = new URL(link.replaceAll("&amp;", "&"), `http://site/${page}`);
      const target = path.join(SITE, decodeURIComponent(url.pathname));
      const notebook = url.searchParams.get("path");
      if (!fs.existsSync(target)) broken.push(`${page}: ${link}`);
      else if (notebook && !fs.existsSync(path.join(SITE, "lite/files", notebook))) broken.push(`${page}: ${link}`);
      else if (url.hash.length > 1 && target.endsWith(".html")) {
        const id = decodeURIComponent(url.hash.slice(1));
        if (!text(target).includes(`id="${id}"`) && !text(target).includes(`name="${id}"`)) broken.push(`${page}: ${link}`);
      }
    }
  }
  assert.ok(pages.length > 50 && texts.size >= pages.length);
  assert.deepEqual(broken, []);
});
