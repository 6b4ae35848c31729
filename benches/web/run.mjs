// Times steps of ConvNet-D3 on WebGPU in one Chromium: Attar, jax-js and TensorFlow.js. `cargo xtask bench-web` builds what
// it needs: node run.mjs FOLDER-OF-ATTAR
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { launch, serve } from "../../tests/web/harness.mjs";

/** What is timed. Few rounds: on a software adapter one takes seconds. */
const CASES = [
  { channels: 3, width: 128, batch: 16, count: 3 },
  { channels: 1, width: 16, batch: 16, count: 10 },
].flatMap((sizes) => [false, true].map((all) => ({ ...sizes, all })));

const RIVALS = [
  ["jax-js", "jax"],
  ["TensorFlow.js", "tensorflow"],
];

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The folder of Attar's module, and beside it the page and its rivals as one module. */
async function served(attar) {
  const page = fileURLToPath(new URL("page.mjs", import.meta.url));
  const bundled = await build({ entryPoints: [page], bundle: true, format: "esm", write: false });
  const pages = { "/": "<!doctype html><title>benches</title>", "/rivals.js": bundled.outputFiles[0].text };
  return serve(attar, { pages });
}

/** A fresh page for every figure, so that nobody inherits another's memory. */
async function timed(browser, url, what, argument) {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(url);
  try {
    return median(await page.evaluate(what, argument));
  } finally {
    await page.close();
  }
}

async function ours({ channels, width, batch, all, count }) {
  const attar = await import("/attar.js");
  await attar.default({ module_or_path: "/attar_bg.wasm" });
  return [...(await attar.rounds(channels, width, batch, all, count))];
}

async function theirs([entry, options]) {
  return (await import("/rivals.js"))[entry](options);
}

const server = await served(process.argv[2]);
// Chromium's software adapter, or with GPU=1 the machine's own.
const browser = await launch({ software: !process.env.GPU });
try {
  for (const options of CASES) {
    const { channels, width, batch, all } = options;
    const mine = await timed(browser, server.url, ours, options);
    console.log(`${channels}x32x32, width ${width}, batch ${batch}, ${all ? "all gradients" : "input gradient"}`);
    console.log(`  Attar          ${mine.toFixed(0).padStart(6)} ms`);
    for (const [name, entry] of RIVALS) {
      const other = await timed(browser, server.url, theirs, [entry, options]);
      console.log(`  ${name.padEnd(14)} ${other.toFixed(0).padStart(6)} ms  ${(other / mine).toFixed(1)} times as long`);
    }
  }
} finally {
  await browser.close();
  server.close();
}
