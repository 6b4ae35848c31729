// The parity checks and random programs of `tests/`, on WebGPU in Chromium (the crate in `tests/wasm`).
import test from "node:test";
import { fileURLToPath } from "node:url";

import { launch, openPage, serve } from "../harness.mjs";

const folder =
  process.env.ATTAR_WEBGPU_TESTS ?? fileURLToPath(new URL("../../../target/wasm-simd/webgpu-tests", import.meta.url));

const PAGE = "<!doctype html><title>WebGPU</title>";

/** A page with the suite in it. */
async function suite(browser, url) {
  const { page } = await openPage(browser, url);
  await page.evaluate(async () => {
    globalThis.suite = await import("/attar.js");
    await globalThis.suite.default({ module_or_path: "/attar_bg.wasm" });
  });
  return page;
}

test("WebGPU in Chromium", async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const server = await serve(folder, { pages: { "/": PAGE } });
  t.after(() => server.close());
  let page = await suite(browser, server.url);
  const names = await page.evaluate(() => globalThis.suite.names());
  for (const [index, name] of names.entries()) {
    await t.test(name, async () => {
      try {
        await page.evaluate(async (index) => {
          globalThis.suite.record(index);
          await globalThis.suite.play();
          globalThis.suite.replay(index);
        }, index);
      } catch (failure) {
        // After a trap the module's memory may hold anything.
        await page.close();
        page = await suite(browser, server.url);
        throw failure;
      }
    });
  }
});
