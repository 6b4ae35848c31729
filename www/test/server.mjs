// Serves the built demo as a static host would, and a page of another site that embeds it.

import { fileURLToPath } from "node:url";
import { serve as serveFolder } from "../../tests/web/harness.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
/** Not the root, so that an address that is not relative is found out. */
const BASE = "/some/where/";
const FRAME = "/frame.html";

/** A server with its address, that of the page that embeds the demo, and a list of the paths that were asked for. */
export async function serve() {
  let address = "";
  const frame = () => `<iframe src="${address}index.html" width="1000" height="700"></iframe>`;
  const { port, asked, close } = await serveFolder(DIST, { base: BASE, pages: { [FRAME]: frame } });
  // By its other name the same server is another site.
  address = `http://localhost:${port}${BASE}`;
  return { address, frame: `http://127.0.0.1:${port}${FRAME}`, asked, close };
}
