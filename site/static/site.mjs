// What every page does: progress, folds opened for printing, the offline copy, the figures.
import { show } from "./progress.mjs";
import { offer } from "./offline.mjs";

const root = new URL("../", import.meta.url); // of the site, wherever it is served
const complete = () => document.readyState === "complete";
const loaded = new Promise((now) => (complete() ? now() : addEventListener("load", now)));

// Figures first. This module waits for no other script, only for the page's elements.
if (document.readyState === "loading") await new Promise((now) => document.addEventListener("readystatechange", now, { once: true }));
const byHand = document.querySelector("[data-by-hand]");
if (byHand) import("./byhand.mjs").then(({ open }) => open(byHand));
else if (document.querySelector("[data-figure]")) import("./figures/frame.mjs").then(({ mountAll }) => mountAll());
show(root);
offer(root);

// A button's name holds what stands on it: the theme's label leaves out the keys.
for (const button of document.querySelectorAll(".search-button-field")) button.ariaLabel = button.textContent.replace(/\s+/g, " ").trim();

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));

// A formula that is wider than the page scrolls, by the keyboard too.
function scrollFormulas() {
  for (const formula of document.querySelectorAll("mjx-container[display]"))
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
}
await loaded;
await window.MathJax?.startup?.promise;
scrollFormulas();
addEventListener("resize", scrollFormulas);
document.addEventListener("toggle", scrollFormulas, true); // one that was folded had no width
