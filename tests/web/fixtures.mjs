// A page that has the package, and small sets to give it.
import { fileURLToPath } from "node:url";

import { launch, openPage, serve } from "./harness.mjs";

export const packageFolder = fileURLToPath(new URL("../../wasm/npm/", import.meta.url));

/** The page: `window.attar` is the package, `window.stripes` and `window.quick` are those of the package's own tests. */
export const pageOf = (entry, head = "") => `<!doctype html><meta charset="utf-8">${head}
<title>attar</title><script type="module" src="/page-${entry}.js"></script>`;

const scriptOf = (entry) => `import * as attar from "/dist/${entry}.js";
import { quick, stripes } from "/test/images.mjs";
Object.assign(window, { attar, quick, stripes });`;

/** Serves the package with a page for each entry: `/index` and `/inlined`. */
export function servePackage(options = {}) {
  const pages = {};
  for (const entry of ["index", "inlined"]) {
    pages[`/${entry}`] = pageOf(entry);
    pages[`/page-${entry}.js`] = scriptOf(entry);
  }
  return serve(packageFolder, { ...options, pages: { ...pages, ...options.pages } });
}

/** What a test in a page starts from: `{ page, errors }`, closed when the test ends. */
export async function packagePage(t, { entry = "index", webgpu = false, ...options } = {}) {
  const server = await servePackage(options);
  const browser = await launch({ webgpu });
  t.after(async () => {
    await browser.close();
    server.close();
  });
  const opened = await openPage(browser, server.url + entry);
  await opened.page.waitForFunction(() => window.attar);
  return { ...opened, browser, server };
}
