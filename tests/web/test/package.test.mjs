import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { build, createServer } from "vite";

import { launch, openPage, serve } from "../harness.mjs";
import { packagePage } from "../fixtures.mjs";
import { chunk, squarePng } from "../../../www/scripts/fashion.mjs";

/** In the page: a run in colour, with what it showed. */
const distilled = async (options = {}) => {
  const previews = [];
  const run = attar.distill(stripes({ channels: 3 }), { ...quick, onPreview: (set) => previews.push(set.pixels.slice()), previewEvery: 0, ...options });
  const seen = [];
  for await (const progress of run) seen.push(progress);
  const set = await run.result;
  const moved = previews.some((pixels) => pixels.some((value, at) => value !== previews[0][at]));
  return { last: seen.at(-1), moved, bytes: Array.from(set.bytes), grid: set.grid().width };
};

test("a plain page distils on the CPU where there is no WebGPU, and says so", async (t) => {
  const { page, errors } = await packagePage(t);
  const { last, moved, bytes, grid } = await page.evaluate(distilled);
  assert.equal(last.engine.name, "cpu");
  assert.match(last.engine.reason, /WebGPU/);
  assert.deepEqual([last.done, last.total, moved], [3, 3, true]);
  assert.ok(grid > 0);
  const again = await page.evaluate(distilled);
  assert.deepEqual(again.bytes, bytes, "equal seeds give equal bytes");
  assert.deepEqual(errors, []);
});

test("a plain page distils on WebGPU", async (t) => {
  const { page, errors } = await packagePage(t, { webgpu: true });
  const { last, moved } = await page.evaluate(distilled);
  assert.equal(last.engine.name, "webgpu", last.engine.reason);
  assert.match(last.engine.adapter, /\w/);
  assert.deepEqual([last.done, moved], [3, true]);
  assert.deepEqual(errors, []);
});

test("the inlined entry needs no request, under a policy that allows none", async (t) => {
  const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; connect-src 'none'";
  const { page, errors } = await packagePage(t, { entry: "inlined", headers: { "content-security-policy": policy } });
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const { last, moved } = await page.evaluate(distilled);
  assert.deepEqual([last.done, moved], [3, true]);
  assert.deepEqual(requests.filter((url) => !url.startsWith("blob:") && !url.startsWith("data:")), []);
  assert.deepEqual(errors, []);
});

/** A folder with an application that has the packed package installed, as any other's. */
async function application(t) {
  const folder = await mkdtemp(join(tmpdir(), "attar-vite-"));
  t.after(() => rm(folder, { recursive: true }));
  const npm = (cwd, ...options) => execFileSync("npm", options, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const its = fileURLToPath(new URL("../../../wasm/npm/", import.meta.url));
  const [{ filename }] = JSON.parse(npm(its, "pack", "--json", "--ignore-scripts", "--pack-destination", folder));
  await writeFile(join(folder, "package.json"), `{ "private": true, "type": "module" }`);
  npm(folder, "install", "--offline", "--no-audit", "--no-fund", `./${filename}`);
  await copyFile(join(its, "test/images.mjs"), join(folder, "images.mjs"));
  const icon = `<link rel="icon" href="data:,">`;
  await writeFile(join(folder, "index.html"), `<!doctype html>${icon}<script type="module" src="./main.js"></script>`);
  const imports = `import * as attar from "attar"; import { quick, stripes } from "./images.mjs";`;
  await writeFile(join(folder, "main.js"), `${imports} Object.assign(window, { attar, quick, stripes });`);
  return folder;
}

/** Distils at this address. */
async function distilsAt(t, url) {
  const browser = await launch({ webgpu: false });
  t.after(() => browser.close());
  const { page, errors } = await openPage(browser, url);
  await page.waitForFunction(() => window.attar);
  const { last, moved } = await page.evaluate(distilled);
  assert.deepEqual([last.done, moved], [3, true]);
  assert.deepEqual(errors, []);
}

test("an application that installs it is built by Vite, and served by it while it is written", async (t) => {
  const folder = await application(t);
  await build({ root: folder, base: "./", logLevel: "error" });
  const built = await serve(join(folder, "dist"));
  t.after(() => built.close());
  await distilsAt(t, built.url);
  const written = await createServer({ root: folder, logLevel: "error", server: { host: "127.0.0.1" } });
  t.after(() => written.close());
  await written.listen();
  await distilsAt(t, written.resolvedUrls.local[0]);
});

test("the page stays responsive, and images move within three seconds", async (t) => {
  const { page, errors } = await packagePage(t);
  const { first, longest } = await page.evaluate(async () => {
    const images = stripes({ classes: 10, perClass: 20, channels: 3, size: 32 });
    let longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (longest = Math.max(longest, duration)))).observe({ type: "longtask" });
    const start = performance.now();
    const first = await new Promise((resolve) => {
      let initial;
      const run = attar.distill(images, {
        imagesPerClass: 10,
        seed: 0,
        previewEvery: 100,
        onPreview: ({ pixels }) => {
          initial ??= pixels;
          if (pixels.some((value, at) => value !== initial[at])) {
            resolve(performance.now() - start);
            run.finish();
          }
        },
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { first, longest };
  });
  t.diagnostic(`first changing preview after ${first.toFixed(0)} ms, longest task ${longest.toFixed(0)} ms`);
  assert.ok(first < 3000, `${first} ms`);
  assert.ok(longest <= 100, `${longest} ms`);
  assert.deepEqual(errors, []);
});

test("files of any kind are decoded", async (t) => {
  const { page } = await packagePage(t);
  const result = await page.evaluate(async () => {
    const file = (color, type, width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      context.fillStyle = color;
      context.fillRect(0, 0, width, height);
      return canvas.convertToBlob({ type });
    };
    const files = {
      red: [await file("#f00", "image/png", 40, 20), await file("#f00", "image/webp", 7, 90)],
      grey: [await file("#808080", "image/jpeg", 100, 100), new Blob(["no image"], { type: "image/png" })],
    };
    const skipped = [];
    const set = await attar.decode(files, { size: 16, onSkipped: (file, name, reason) => skipped.push([name, reason.length > 0]) });
    const grey = await attar.decode({ grey: [files.grey[0]] }, { size: 8 });
    const nothing = await attar.decode({ bad: [files.grey[1]] }, { size: 8 }).catch((error) => error.code);
    return {
      shape: [set.channels, set.height, set.width, set.pixels.length],
      classes: set.classes,
      labels: [...set.labels],
      first: [0, 256, 512].map((at) => set.pixels[at]),
      grey: [grey.channels, grey.pixels.length, Math.abs(grey.pixels[0] - 128) < 3],
      skipped,
      nothing,
    };
  });
  assert.deepEqual(result, {
    shape: [3, 16, 16, 3 * 3 * 256],
    classes: ["red", "grey"],
    labels: [0, 0, 1],
    first: [255, 0, 0],
    grey: [1, 64, true],
    skipped: [["grey", true]],
    nothing: "data",
  });
});

test("small files give the same pixels whether the browser decodes bytes or files", async (t) => {
  const rows = Buffer.from(Array.from({ length: 33 * 32 }, (_, at) => (at % 33 === 0 ? 0 : (at * 5) % 256)));
  const linear = chunk("gAMA", Buffer.from([0, 1, 0x86, 0xa0]));
  const turned = chunk("eXIf", Buffer.from("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", "latin1"));
  const pages = Object.fromEntries([[], [linear], [turned]].map((more, at) => [`/${at}.png`, squarePng(32, 8, rows, { more })]));
  const { page } = await packagePage(t, { pages });
  const [bytes, files] = await page.evaluate(async () => {
    const picture = async (width, height, alpha) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      for (let at = 0; at < 40; at++) {
        context.fillStyle = `rgb(${(at * 67) % 256} ${(at * 131) % 256} ${(at * 29) % 256} / ${alpha})`;
        context.fillRect((at * 7) % width, (at * 11) % height, 9, 5);
      }
      return canvas.convertToBlob({ type: "image/png" });
    };
    const sizes = [[32, 32, 1], [32, 32, 0.4], [45, 32, 1], [64, 64, 1], [20, 70, 0.7], [7, 9, 1]];
    const pictures = await Promise.all([
      ...sizes.map((size) => picture(...size)),
      ...[0, 1, 2].map(async (at) => (await fetch(`/${at}.png`)).blob()),
    ]);
    const decoded = async () => [...(await attar.decode({ all: pictures }, { size: 32 })).pixels];
    const ways = [await decoded()];
    delete window.ImageDecoder;
    ways.push(await decoded());
    return ways;
  });
  assert.ok(new Set(bytes).size > 50);
  assert.deepEqual(bytes, files);
});

/** A PNG file of black pixels, a bit each: small, however many there are. */
const blackPng = (side) => squarePng(side, 1, Buffer.alloc(side * (1 + Math.ceil(side / 8))));

test("an image of too many pixels is left out, and large ones are decoded one after another", async (t) => {
  const pages = { "/huge.png": blackPng(16_000), "/large.png": blackPng(8000) };
  const { page, errors } = await packagePage(t, { pages });
  const result = await page.evaluate(async () => {
    const [huge, large] = await Promise.all(["/huge.png", "/large.png"].map(async (path) => (await fetch(path)).blob()));
    let [now, most] = [0, 0];
    const native = createImageBitmap;
    window.createImageBitmap = async (...options) => {
      if (options.length > 1) return native(...options);
      most = Math.max(most, ++now);
      const bitmap = await native(...options);
      const close = bitmap.close.bind(bitmap);
      bitmap.close = () => (now--, close());
      return bitmap;
    };
    const skipped = [];
    const files = { black: [huge, large, huge, large], none: [large, large] };
    const { labels } = await attar.decode(files, { size: 8, onSkipped: (file, name, reason) => skipped.push([name, reason]) });
    return { labels: [...labels], most, skipped };
  });
  const reason = "the image has 256 million pixels: give at most 100 million";
  assert.deepEqual(result, { labels: [0, 0, 1, 1], most: 1, skipped: [["black", reason], ["black", reason]] });
  assert.deepEqual(errors, []);
});

test("workers of one's own, buffers handed over, and the page's own thread", async (t) => {
  const { page, errors } = await packagePage(t);
  const aborted = await page.evaluate(async () => {
    const worker = new Worker("/dist/worker.js", { type: "module" });
    const controller = new AbortController();
    const run = attar.distill(stripes(), { ...quick, iterations: 1e6, engine: "cpu", worker, signal: controller.signal });
    const loop = async () => {
      for await (const _ of run) controller.abort();
    };
    const codes = [await loop().catch(({ code }) => code), await run.result.catch(({ code }) => code)];
    // The worker is there for the next run.
    const { losses } = await attar.distill(stripes(), { ...quick, engine: "cpu", worker }).result;
    return [...codes, losses.units.length];
  });
  assert.deepEqual(aborted, ["aborted", "aborted", 3]);
  const bytes = await page.evaluate(async () => {
    const worker = new Worker("/dist/worker.js", { type: "module" });
    const bytes = async (options) => (await attar.distill(stripes(), { ...quick, engine: "cpu", ...options }).result).bytes.join();
    const images = stripes();
    const given = (await attar.distill(images, { ...quick, engine: "cpu", transfer: true }).result).bytes.join();
    const all = [await bytes({ worker }), await bytes({ worker }), await bytes({ worker: false }), given];
    return { distinct: new Set(all).size, left: images.pixels.length };
  });
  assert.deepEqual(bytes, { distinct: 1, left: 0 });
  const accuracies = await page.evaluate(async () => {
    const settings = { repeats: 1, width: 4, mostSteps: 4, seed: 1, engine: "cpu" };
    const mean = async (train, test, options) => (await attar.evaluate(train, test, { ...settings, ...options })).mean;
    const [train, test] = [stripes(), stripes({ seed: 2 })];
    const copied = await mean(train, test);
    const left = [train.pixels.length > 0];
    return { same: copied === (await mean(train, test, { transfer: true })), left: [...left, train.pixels.length, test.labels.length] };
  });
  assert.deepEqual(accuracies, { same: true, left: [true, 0, 0] });
  assert.deepEqual(errors, []);
});

/** A worker that tells the names of the spans that the profiler gets of it. */
const OBSERVED = `import "/dist/worker.js";
new PerformanceObserver((list) => postMessage(list.getEntries().map(({ name }) => name))).observe({ type: "measure" });`;

test("what goes on in the worker is written to the console and measured", async (t) => {
  const { page, errors } = await packagePage(t, { webgpu: true, pages: { "/observed.js": OBSERVED } });
  const lines = [];
  page.on("console", (message) => lines.push(`${message.type()} ${message.text()}`));
  const seen = await page.evaluate(async () => {
    const names = new Set();
    const worker = new Worker("/observed.js", { type: "module" });
    worker.addEventListener("message", ({ data }) => Array.isArray(data) && data.forEach((name) => names.add(name)));
    await attar.distill(stripes(), { ...quick, log: "debug", profile: true, worker }).result;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return [...names];
  });
  for (const name of ["attar: distill unit", "attar: ncfm.match"]) assert.ok(seen.includes(name), seen.join());
  assert.ok(lines.some((line) => line.startsWith("info attar: begun on webgpu adapter=")), lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("debug attar: distill unit")));
  assert.deepEqual(errors, []);
});

test("a worker that cannot be loaded is an error, not silence", async (t) => {
  const { page } = await packagePage(t);
  const code = await page.evaluate(() => attar.distill(stripes(), { worker: () => new Worker("/missing.js", { type: "module" }) }).result.catch((error) => error.code));
  assert.equal(code, "engine");
});
