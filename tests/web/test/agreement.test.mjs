// The bar: given the same pool, the same pixels and the same seed, the images after 20 updates agree between Chromium on
// WebGPU, Chromium on the CPU and the command line.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { distill, readDistilled } from "attar";

import { packagePage } from "../fixtures.mjs";
import { stripes } from "../../../wasm/npm/test/images.mjs";
import { COLOUR, squarePng } from "../../../www/scripts/fashion.mjs";

const ATTAR = process.env.ATTAR_CLI ?? fileURLToPath(new URL("../../../target/release/attar", import.meta.url));
// Small, since a software adapter takes its time; but not fewer real images: where few are matched, so much of a gradient
// passes a single unit that one whose input is zero up to rounding moves a picture by more than is allowed here.
const SETTINGS = { images_per_class: 4, iterations: 10, seed: 11, "network.width": 16, "pool.networks": 2, "pool.epochs": 4, "pool.training.batch": 32, "method.frequencies": 256, "real.batch": 32 };

/**
 * Grey images as the command line reads them from IDX files, and colour ones as it reads them from folders. An iteration is
 * an update of each class, or several.
 */
const KINDS = [
  { name: "grey, 16 x 16", set: { channels: 1, size: 16, classes: 3 }, write: writeIdx },
  { name: "colour, 32 x 32", set: { channels: 3, size: 32, classes: 2 }, write: writeFolder },
];

/** An IDX file of bytes: magic, sizes, values. */
function idx(sizes, values) {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, at) => header.writeUInt32BE(size, 4 + 4 * at));
  return Buffer.concat([header, Buffer.from(values)]);
}

function writeIdx(folder, train, test) {
  for (const [prefix, { labels, pixels, height, width }] of [["train", train], ["t10k", test]]) {
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idx([labels.length, height, width], pixels));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idx([labels.length], labels));
  }
  writeFileSync(join(folder, "classes.txt"), `${train.classes.join("\n")}\n`);
}

function writeFolder(folder, train, test) {
  for (const [half, { classes, labels, pixels, width }] of [["train", train], ["test", test]]) {
    classes.forEach((name) => mkdirSync(join(folder, half, name), { recursive: true }));
    labels.forEach((label, at) => {
      const planes = pixels.subarray(at * 3 * width ** 2, (at + 1) * 3 * width ** 2);
      writeFileSync(join(folder, half, classes[label], `${String(at).padStart(4, "0")}.png`), colourPng(planes, width));
    });
  }
}

/** A PNG file of an image `[3, side, side]`. */
function colourPng(planes, side) {
  const rows = Buffer.alloc(side * (1 + 3 * side));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let channel = 0; channel < 3; channel++) rows[y * (1 + 3 * side) + 1 + 3 * x + channel] = planes[(channel * side + y) * side + x];
    }
  }
  return squarePng(side, 8, rows, { kind: COLOUR });
}

/** The same images class after class, which is the order of folders. */
function sorted({ labels, pixels, ...set }) {
  const size = pixels.length / labels.length;
  const order = Array.from(labels.keys()).sort((a, b) => labels[a] - labels[b]);
  const images = order.map((at) => pixels.subarray(at * size, (at + 1) * size));
  return { ...set, labels: labels.slice().sort(), pixels: Uint8Array.from(Buffer.concat(images)) };
}

const inPage = async ({ images, recipe, pool, engine }) => {
  const bytes = (numbers) => Uint8Array.from(numbers);
  const set = { ...images, pixels: bytes(images.pixels), labels: Uint32Array.from(images.labels) };
  const run = attar.distill(set, { recipe, pool: bytes(pool), engine });
  return Array.from((await run.result).bytes);
};

/** Share of pixels within 2/255, and the mean difference in 1/255. */
function compare(one, other) {
  const differences = Array.from(one.pixels, (value, at) => Math.abs(value - other.pixels[at]));
  const near = differences.filter((difference) => difference <= 2).length / differences.length;
  return { near, mean: differences.reduce((sum, difference) => sum + difference, 0) / differences.length };
}

for (const { name, set, write } of KINDS) {
  test(`20 updates and more agree in Chromium on WebGPU, on the CPU and natively (${name})`, async (t) => {
    assert.ok(existsSync(ATTAR), `there is no ${ATTAR}: build it by \`cargo build --release -p attar-cli\`, or name it in ATTAR_CLI`);
    const folder = mkdtempSync(join(tmpdir(), "attar-agreement-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const images = sorted(stripes({ ...set, perClass: 32 }));
    write(folder, images, sorted(stripes({ ...set, perClass: 4, seed: 2 })));
    const { native, pool } = await natively(folder);

    const sets = { native };
    const argument = { images: { ...images, pixels: [...images.pixels], labels: [...images.labels] }, recipe: native.recipe, pool: [...pool] };
    for (const engine of ["cpu", "webgpu"]) {
      const { page } = await packagePage(t, { webgpu: engine === "webgpu" });
      sets[engine] = await readDistilled(Uint8Array.from(await page.evaluate(inPage, { ...argument, engine })));
      assert.equal(sets[engine].fingerprint, native.fingerprint, "the same images");
      assert.equal(sets[engine].losses.units.length, SETTINGS.iterations);
    }
    for (const [one, other] of [["native", "cpu"], ["native", "webgpu"], ["cpu", "webgpu"]]) {
      const { near, mean } = compare(sets[one], sets[other]);
      t.diagnostic(`${one} and ${other}: ${(100 * near).toFixed(3)} % of pixels within 2/255, mean difference ${mean.toFixed(4)}/255`);
      assert.ok(near >= 0.999, `${one} and ${other}: only ${near} within 2/255`);
      assert.ok(mean < 0.2, `${one} and ${other}: mean difference ${mean}/255`);
    }
    const moved = compare(native, await start(images, native.recipe));
    assert.ok(moved.mean > 1, "the images moved at all");
  });
}

/** The pool, and what the command line distils with it. */
async function natively(folder) {
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const attar = (...args) => execFileSync(ATTAR, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const [pool, run] = [join(folder, "a.pool"), join(folder, "run")];
  attar("pool", folder, ...settings, "--engine", "cpu", "--out", pool, "--quiet");
  attar("distill", folder, ...settings, "--engine", "cpu", "--pool", pool, "--out", run, "--no-evaluate", "--quiet");
  return { native: await readDistilled(readFileSync(join(run, "distilled.attar"))), pool: readFileSync(pool) };
}

/** The images that the run starts from: its first preview. */
async function start(images, recipe) {
  let first;
  const run = distill(images, { recipe, onPreview: (set) => (first ??= set) });
  run.finish();
  await run.result;
  return first;
}
