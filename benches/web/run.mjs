// Times steps of ConvNet-D3 on WebGPU in one Chromium: Attar, jax-js and TensorFlow.js. `cargo xtask bench-web` builds what
// it needs: node run.mjs FOLDER-OF-ATTAR
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";
import { chromium } from "playwright-core";

/** What is timed. Few rounds: on a software adapter one takes seconds. */
const CASES = [
  { channels: 3, width: 128, batch: 16, count: 3 },
  { channels: 1, width: 16, batch: 16, count: 10 },
].flatMap((sizes) => [false, true].map((all) => ({ ...sizes, all })));

const RIVALS = [
  ["jax-js", "jax"],
  ["TensorFlow.js", "tensorflow"],
];

const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function serve(attar) {
  const here = (name) => new URL(name, import.meta.url).pathname;
  const bundled = await build({ entryPoints: [here("page.mjs")], bundle: true, format: "esm", write: false });
  const files = {
    "/": ["text/html", "<!doctype html><title>benches</title>"],
    "/rivals.js": ["text/javascript", bundled.outputFiles[0].contents],
    "/attar.js": ["text/javascript", await readFile(join(attar, "attar.js"))],
    "/attar_bg.wasm": ["application/wasm", await readFile(join(attar, "attar_bg.wasm"))],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[new URL(request.url, "http://localhost").pathname] ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain" });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
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

const server = await serve(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: false,
  args: ["--headless=new", "--no-sandbox", ...(process.env.GPU ? [] : WEBGPU)],
});
const url = `http://127.0.0.1:${server.address().port}/`;
try {
  for (const options of CASES) {
    const { channels, width, batch, all } = options;
    const mine = await timed(browser, url, ours, options);
    console.log(`${channels}x32x32, width ${width}, batch ${batch}, ${all ? "all gradients" : "input gradient"}`);
    console.log(`  Attar          ${mine.toFixed(0).padStart(6)} ms`);
    for (const [name, entry] of RIVALS) {
      const other = await timed(browser, url, theirs, [entry, options]);
      console.log(`  ${name.padEnd(14)} ${other.toFixed(0).padStart(6)} ms  ${(other / mine).toFixed(1)} times as long`);
    }
  }
} finally {
  await browser.close();
  server.close();
}
