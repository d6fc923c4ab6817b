// Once in this worker's life: what is kept of another version of the site goes. Without a network it stays.
let checked;
const current = () => (checked ??= (async () => {
  try {
    const { version } = await (await fetch("../files.json", { cache: "no-cache" })).json();
    let kept = await caches.open("precache");
    const known = await (await kept.match("version"))?.text();
    if (known && known !== version) {
      await caches.delete("precache");
      kept = await caches.open("precache");
    }
    await kept.put("version", new Response(version));
  } catch {}
})());
