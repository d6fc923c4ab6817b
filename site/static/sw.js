// The pages beside lite/, which has a service worker of its own: the network first, else what is kept.
// It takes no page that is open already: offline.mjs keeps that one.
const KEPT = "lora_np-pages";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const kept = await caches.open(KEPT);
  try {
    const sent = await fetch(request);
    if (sent.status === 200) kept.put(request, sent.clone());
    return sent;
  } catch (error) {
    const found = await kept.match(request, { ignoreSearch: true });
    if (found) return found;
    throw error;
  }
}
