// The site without a network: pages that were visited, and on request every file there is.
const KEPT = "lora_np-pages"; // the name in sw.js

export async function offer(root) {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return;
  if (document.readyState !== "complete") await new Promise((loaded) => addEventListener("load", loaded));
  await navigator.serviceWorker.register(new URL("sw.js", root)).catch(() => {});
  if (!navigator.serviceWorker.controller) await keepThisPage(); // which was loaded without it
  const button = document.querySelector("[data-offline]");
  if (!button) return;
  const says = button.parentElement.querySelector("[role=status]");
  const files = await (await fetch(new URL("files.json", root))).json();
  button.textContent = `Keep the whole course in this browser (${Math.round(files.bytes / 1e6)} MB)`;
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    let kept = 0;
    for (const [cache, names] of Object.entries(files.caches)) {
      const store = await caches.open(cache);
      for (let i = 0; i < names.length; i += 20) {
        await store.addAll(names.slice(i, i + 20).map((name) => new URL(name, root)));
        kept += Math.min(20, names.length - i);
        says.textContent = `${kept} of ${files.count} files`;
      }
    }
    says.textContent = "Kept: it now opens without a network.";
  });
}

async function keepThisPage() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const own = [location.href, ...loaded].filter((url) => url.startsWith(location.origin) && !url.includes("/files.json"));
  await (await caches.open(KEPT)).addAll(new Set(own)).catch(() => {});
}
