// Serves the built demo as a static host would: plain files under a path, no headers but the type.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
/** Not the root, so that an address that is not relative is found out. */
const BASE = "/some/where/";
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
};

/** A page of another site that embeds the demo. */
const FRAME = "/frame.html";

/** A server with its address, that of a page of another site that embeds the demo, and a list of the paths that were asked for. */
export async function serve() {
  const asked = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    asked.push(pathname);
    if (pathname === FRAME) {
      response
        .writeHead(200, { "content-type": TYPES[".html"] })
        .end(`<iframe src="${address}index.html" width="1000" height="700"></iframe>`);
      return;
    }
    const path = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    try {
      const content = await readFile(join(DIST, normalize(path.slice(BASE.length))));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const address = `http://localhost:${port}${BASE}`;
  return { address, frame: `http://127.0.0.1:${port}${FRAME}`, asked, close: () => server.close() };
}
