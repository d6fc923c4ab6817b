// What the tests share: a server that counts bytes, a proxy that refuses the world, a browser.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const SITE = path.resolve(process.env.SITE ?? new URL("../../out/site", import.meta.url).pathname);
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 60_000 * Number(process.env.PATIENCE ?? 1); // of a slow machine: PATIENCE=5
const PACKED = new Set([".whl", ".zip", ".png", ".woff", ".woff2", ".gz"]);
const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
  ".json": "application/json", ".ipynb": "application/json", ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".woff": "font/woff",
  ".whl": "application/zip", ".zip": "application/zip", ".txt": "text/plain; charset=utf-8", ".md": "text/markdown",
};

/** Serve the built site as a static host does, with gzip; `log` has what was sent. */
export async function serve(root = SITE) {
  const log = [], squeezed = new Map();
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://site");
    let file = path.join(root, decodeURIComponent(pathname));
    if (file.endsWith(path.sep)) file = path.join(file, "index.html");
    if (!fs.existsSync(file) || fs.statSync(file).isDirectory()) {
      log.push({ pathname, status: 404, bytes: 0 });
      return response.writeHead(404).end("there is no such file");
    }
    const { mtimeMs } = fs.statSync(file), extension = path.extname(file), etag = `"${mtimeMs}"`;
    const headers = { "content-type": TYPES[extension] ?? "application/octet-stream", "cache-control": "max-age=600", etag };
    if (request.headers["if-none-match"] === etag) {
      log.push({ pathname, status: 304, bytes: 0 });
      return response.writeHead(304, headers).end();
    }
    let body = fs.readFileSync(file);
    if (!PACKED.has(extension)) {
      if (!squeezed.has(file)) squeezed.set(file, zlib.gzipSync(body));
      body = squeezed.get(file);
      headers["content-encoding"] = "gzip";
    }
    log.push({ pathname, status: 200, bytes: body.length });
    response.writeHead(200, headers).end(body);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const close = () => new Promise((closed) => (server.close(closed), server.closeAllConnections()));
  return { log, close, url: `http://127.0.0.1:${server.address().port}` };
}

/** A proxy for everything that is not this machine: it refuses, and keeps what was asked for. */
async function refusingProxy() {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  server.on("connect", (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.on("error", () => {}); // a browser that is closed meanwhile
    socket.end("HTTP/1.1 502 refused\r\n\r\n");
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { server, asked, port: server.address().port };
}

// Chromium's own calls home, made for an empty page too. A page that asks one of these hosts is seen as such.
const CHROMIUMS_OWN = /(^|\.)(googleapis\.com|gvt1\.com|google\.com)(:\d+)?(\/|$)/;
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-pings", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--disable-client-side-phishing-detection",
  "--disable-features=AutofillServerCommunication,OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
];

/** Chromium behind the proxy. `outside()` is every request to another host that pages have made. */
export async function browser() {
  if (!process.env.CHROMIUM) throw new Error("set CHROMIUM to the browser's path, as CHROMIUM=/usr/bin/chromium");
  const proxy = await refusingProxy();
  const args = [...QUIET, `--proxy-server=http://127.0.0.1:${proxy.port}`, "--proxy-bypass-list=127.0.0.1"];
  const chrome = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  const pages = new Set(), contexts = new Set(); // what pages asked those hosts for
  const isOwn = (url) => CHROMIUMS_OWN.test(url.replace(/^\w+:\/\//, ""));
  const outside = () => [...proxy.asked.filter((line) => !isOwn(line.split(" ")[1])), ...pages];
  return {
    outside,
    async page({ width = 1280, height = 900, scheme = "light", context } = {}) {
      context ??= await chrome.newContext({ viewport: { width, height }, colorScheme: scheme });
      context.setDefaultTimeout(PATIENCE);
      if (!contexts.has(context)) context.on("request", (asked) => isOwn(asked.url()) && pages.add(`${asked.method()} ${asked.url()}`));
      contexts.add(context);
      const page = await context.newPage();
      page.errors = [];
      page.on("pageerror", (error) => page.errors.push(error.message));
      page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
      return page;
    },
    async close() {
      await chrome.close();
      proxy.server.close();
    },
  };
}

/** What axe calls serious or critical: { rule: [the elements] }. */
export async function serious(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return Object.fromEntries(bad.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]));
}

/** Processor seconds of this process's children, on Linux: what a time on a busy machine is worth. */
export function processorSeconds() {
  if (process.platform !== "linux") return NaN;
  const parents = new Map(), ticks = new Map();
  for (const id of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = fs.readFileSync(`/proc/${id}/stat`, "utf8").replace(/^.*\) /s, "").split(" "); // from the state on
      parents.set(id, fields[1]);
      ticks.set(id, +fields[11] + +fields[12] + +fields[13] + +fields[14]); // its own, and of its ended children
    } catch {} // it has ended meanwhile
  }
  const below = (id) => id === String(process.pid) || (parents.has(id) && below(parents.get(id)));
  return [...ticks].reduce((sum, [id, t]) => sum + (id !== String(process.pid) && below(id) ? t : 0), 0) / 100;
}

export const bytes = (log) => log.reduce((sum, entry) => sum + entry.bytes, 0);
export const lessons = () => fs.readdirSync(path.join(SITE, "lite/files/lessons")).filter((name) => name.endsWith(".ipynb")).sort();
