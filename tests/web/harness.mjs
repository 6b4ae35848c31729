// What tests and benches in a browser share: Debian's Chromium, with WebGPU on a software adapter or without it, and a
// server of static files.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

import { chromium } from "playwright-core";

/** An adapter that every machine has: SwiftShader, on the processor. */
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
const NO_WEBGPU = ["--disable-features=WebGPU", "--disable-gpu"];

/** Playwright's browser. `CHROMIUM` names the program; without `software` the machine's own adapter is taken. */
export function launch({ webgpu = true, software = true, args = [] } = {}) {
  const engine = webgpu ? (software ? WEBGPU : []) : NO_WEBGPU;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // The old headless mode, which Playwright's own flag asks for, has no WebGPU.
    headless: false,
    // Without a sandbox, since tests often run as root; it is our own page that is shown.
    args: ["--headless=new", "--no-sandbox", ...engine, ...args],
  });
}

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/**
 * Serves `folder` under the path `base` on a free port of this machine: `{ url, port, asked, close }`, `asked` being the
 * paths that were asked for. `pages` are served before files, by their whole path: text, or a function that gives it;
 * what has no ending is HTML. `headers` go with everything.
 */
export async function serve(folder, { headers = {}, pages = {}, base = "/" } = {}) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const send = (status, type, extra = {}) => response.writeHead(status, { "content-type": type, ...headers, ...extra });
    // Chromium asks for it unasked, and would call it an error that there is none.
    if (path === "/favicon.ico") {
      response.writeHead(204);
      return response.end();
    }
    asked.push(path);
    const page = pages[path];
    if (page !== undefined) {
      send(200, TYPES[extname(path)] ?? TYPES[".html"]);
      return response.end(typeof page === "function" ? page() : page);
    }
    const inside = path.startsWith(base) ? path.slice(base.length) : "..";
    const file = join(folder, normalize(inside === "" || inside.endsWith("/") ? `${inside}index.html` : inside));
    const found = file.startsWith(normalize(folder)) && (await stat(file).catch(() => undefined))?.isFile();
    if (!found) {
      send(404, "text/plain");
      return response.end();
    }
    send(200, TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}${base}`,
    port,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Opens a page that fails the test on any error it shows in the console or does not catch. */
export async function openPage(browser, url) {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(url);
  return { page, errors };
}
