// What every page does: progress, folds opened for printing, the offline copy; on one page, Touch.
import { show } from "./progress.mjs";
import { offer } from "./offline.mjs";

const root = new URL("../", import.meta.url); // of the site, wherever it is served
show(root);
offer(root);

const touch = document.querySelector("[data-touch]");
if (touch) (await import("./touch.mjs")).begin(touch);

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
