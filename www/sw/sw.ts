// The service worker: keeps every file of the page, and from then on answers from what it keeps and nothing else.
// What it does not keep is answered with 404, so that not even an image's address can carry anything away.

// Makes this a module for the type checker, so that `self` can be declared; the build leaves nothing of it.
export {};

declare const self: ServiceWorkerGlobalScope;

/** Replaced by the build (build/offline.ts): a hash over all files, and their paths relative to this one. */
declare const VERSION: string;
declare const FILES: string[];

const PREFIX = "attar-demo ";
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOlder());
});

self.addEventListener("fetch", (event) => {
  if (event.request.url.startsWith(self.registration.scope)) {
    event.respondWith(answer(event.request));
  }
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
  await self.skipWaiting();
}

async function dropOlder(): Promise<void> {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname.endsWith("/")) {
    url.pathname += "index.html";
  }
  url.search = "";
  url.hash = "";
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url.href);
  return kept ?? new Response("This page keeps all of its files, and this is none of them.", { status: 404 });
}
