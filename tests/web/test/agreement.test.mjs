// The bar: given the same pool, the same pixels and the same seed, the images after 20 updates agree between Chromium on
// WebGPU, Chromium on the CPU and the command line.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { distill, readDistilled } from "attar";

import { packagePage } from "../fixtures.mjs";
import { stripes } from "../../../wasm/npm/test/images.mjs";

const ATTAR = process.env.ATTAR_CLI ?? fileURLToPath(new URL("../../../target/release/attar", import.meta.url));
// Small, since a software adapter takes its time.
const SIZE = 16;
const SETTINGS = { images_per_class: 4, iterations: 20, seed: 11, "network.width": 16, "pool.networks": 2, "pool.epochs": 4, "pool.training.batch": 32, "method.frequencies": 256, "method.real_batch": 32 };

const KIND = { classes: 3, perClass: 32, size: SIZE };
const images = stripes(KIND);
const held = stripes({ classes: 3, perClass: 4, size: SIZE, seed: 2 });

/** An IDX file of bytes: magic, sizes, values. */
function idx(sizes, values) {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, at) => header.writeUInt32BE(size, 4 + 4 * at));
  return Buffer.concat([header, Buffer.from(values)]);
}

async function writeIdx(folder) {
  for (const [prefix, set] of [["train", images], ["t10k", held]]) {
    const count = set.labels.length;
    await writeFile(join(folder, `${prefix}-images-idx3-ubyte`), idx([count, SIZE, SIZE], set.pixels));
    await writeFile(join(folder, `${prefix}-labels-idx1-ubyte`), idx([count], set.labels));
  }
  await writeFile(join(folder, "classes.txt"), `${images.classes.join("\n")}\n`);
}

const inPage = async ({ kind, recipe, pool, engine }) => {
  const images = stripes(kind);
  const run = attar.distill(images, { recipe, pool: Uint8Array.from(pool), engine });
  const { bytes } = await run.result;
  return Array.from(bytes);
};

/** Share of pixels within 2/255, and the mean difference in 1/255. */
function compare(one, other) {
  const differences = Array.from(one.pixels, (value, at) => Math.abs(value - other.pixels[at]));
  const near = differences.filter((difference) => difference <= 2).length / differences.length;
  return { near, mean: differences.reduce((sum, difference) => sum + difference, 0) / differences.length };
}

test("20 updates agree in Chromium on WebGPU, on the CPU and natively", async (t) => {
  assert.ok(existsSync(ATTAR), `there is no ${ATTAR}: build it by \`cargo build --release -p attar-cli\`, or name it in ATTAR`);
  const folder = await mkdtemp(join(tmpdir(), "attar-agreement-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeIdx(folder);
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const attar = (...args) => execFileSync(ATTAR, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const poolFile = join(folder, "a.pool");
  attar("pool", folder, ...settings, "--engine", "cpu", "--out", poolFile, "--quiet");
  attar("distill", folder, ...settings, "--engine", "cpu", "--pool", poolFile, "--out", join(folder, "run"), "--no-evaluate", "--quiet");
  const native = await readDistilled(await readFile(join(folder, "run/distilled.attar")));
  const argument = { kind: KIND, recipe: native.recipe, pool: Array.from(await readFile(poolFile)) };

  const sets = { native };
  for (const engine of ["cpu", "webgpu"]) {
    const { page } = await packagePage(t, { webgpu: engine === "webgpu" });
    sets[engine] = await readDistilled(Uint8Array.from(await page.evaluate(inPage, { ...argument, engine })));
    assert.equal(sets[engine].fingerprint, native.fingerprint, "the same images");
    assert.equal(sets[engine].losses.length, 20);
  }
  for (const [one, other] of [["native", "cpu"], ["native", "webgpu"], ["cpu", "webgpu"]]) {
    const { near, mean } = compare(sets[one], sets[other]);
    t.diagnostic(`${one} and ${other}: ${(100 * near).toFixed(3)} % of pixels within 2/255, mean difference ${mean.toFixed(4)}/255`);
    assert.ok(near >= 0.999, `${one} and ${other}: only ${near} within 2/255`);
    assert.ok(mean < 0.2, `${one} and ${other}: mean difference ${mean}/255`);
  }
  const moved = compare(native, await start(argument.recipe));
  assert.ok(moved.mean > 1, "the images moved at all");
});

/** The images that the run starts from: its first preview. */
async function start(recipe) {
  let first;
  const run = distill(images, { recipe, onPreview: (set) => (first ??= set) });
  run.finish();
  await run.result;
  return first;
}
