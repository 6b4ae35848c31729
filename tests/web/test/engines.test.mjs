// The parity checks and random programs of `tests/`, on WebGPU and on the CPU in Chromium (the crate in `tests/wasm`).
import test from "node:test";
import { fileURLToPath } from "node:url";

import { launch, openPage, serve } from "../harness.mjs";

const folder =
  process.env.ATTAR_BROWSER_TESTS ?? fileURLToPath(new URL("../../../target/wasm-simd/browser-tests", import.meta.url));

const PAGE = "<!doctype html><title>Engines</title>";

/** A page with the suite in it. */
async function suite(browser, url) {
  const { page } = await openPage(browser, url);
  await page.evaluate(async () => {
    globalThis.suite = await import("/attar.js");
    await globalThis.suite.default({ module_or_path: "/attar_bg.wasm" });
  });
  return page;
}

/** Browsers that take turns: an adapter on the processor compiles each shader on one core. */
const BROWSERS = 2;

test("the engines in Chromium", { concurrency: BROWSERS }, async (t) => {
  const server = await serve(folder, { pages: { "/": PAGE } });
  t.after(() => server.close());
  const free = await Promise.all(
    Array.from({ length: BROWSERS }, async () => {
      const browser = await launch();
      t.after(() => browser.close());
      return { browser, page: await suite(browser, server.url) };
    }),
  );
  const names = await free[0].page.evaluate(() => globalThis.suite.names());
  const play = async (index) => {
    const one = free.pop();
    try {
      await one.page.evaluate(async (index) => {
        globalThis.suite.record(index);
        await globalThis.suite.play(index);
        globalThis.suite.replay(index);
      }, index);
    } catch (failure) {
      // After a trap the module's memory may hold anything.
      await one.page.close();
      one.page = await suite(one.browser, server.url);
      throw failure;
    } finally {
      free.push(one);
    }
  };
  await Promise.all(names.map((name, index) => t.test(name, () => play(index))));
});
