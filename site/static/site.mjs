// What every page does: progress, folds opened for printing, the offline copy; on one page, Touch.
import { show } from "./progress.mjs";
import { offer } from "./offline.mjs";

const root = new URL("../", import.meta.url); // of the site, wherever it is served
show(root);
offer(root);

// What a button shows is its name: the theme's label leaves out the keys that stand on it.
document.querySelectorAll(".search-button-field[aria-label]").forEach((button) => button.removeAttribute("aria-label"));

const touch = document.querySelector("[data-touch]");
if (touch) (await import("./touch.mjs")).begin(touch);

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
