import assert from "node:assert/strict";
import test from "node:test";
import { inflateRawSync } from "node:zlib";

import { distill, engines, evaluate, randomImages, readDistilled, split, version } from "attar";

import { quick, stripes } from "./images.mjs";

const images = stripes({ channels: 3 });
const set = await distill(images, quick).result;

test("what is written is read", async () => {
  const again = await readDistilled(set.bytes);
  for (const field of ["classes", "channels", "height", "width", "factor", "imagesPerClass", "method", "seed", "fingerprint", "recipe", "extras", "counts", "losses", "mean", "std"]) {
    assert.deepEqual(again[field], set[field], field);
  }
  assert.deepEqual(again.pixels, set.pixels);
  assert.deepEqual(again.labels, set.labels);
  assert.deepEqual(again.bytes, set.bytes);
});

test("images and grid are pictures", () => {
  const plane = 16 * 16;
  const rgba = set.rgba(1);
  assert.equal(rgba.length, 4 * plane);
  assert.deepEqual([...rgba.slice(0, 4)], [0, 1, 2].map((channel) => set.pixels[(3 + channel) * plane]).concat(255));
  assert.throws(() => set.rgba(6), RangeError);
  const grid = set.grid();
  assert.equal(grid.rgba.length, 4 * grid.width * grid.height);
  assert.ok(grid.rgba.every((value, at) => at % 4 !== 3 || value === 255));
});

test("a set can be taken apart into pictures", async () => {
  const pictures = await set.unpacked();
  assert.ok(set.factor > 1, "or else nothing is tested");
  assert.equal(pictures.factor, 1);
  assert.deepEqual([...pictures.labels], Array.from({ length: set.factor ** 2 }, () => [...set.labels]).flat());
  assert.equal(pictures.pixels.length, pictures.labels.length * 3 * 16 * 16);
  // The corner of a canvas is that of its first picture.
  assert.equal(pictures.pixels[0], set.pixels[0]);
  assert.equal(await pictures.unpacked(), pictures);
});

/** The files of a zip archive, found by its directory. */
function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22;
  const files = {};
  for (let at = view.getUint32(end + 16, true), left = view.getUint16(end + 10, true); left > 0; left--) {
    const [packed, nameLength, local] = [view.getUint32(at + 20, true), view.getUint16(at + 28, true), view.getUint32(at + 42, true)];
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    files[name] = inflateRawSync(bytes.subarray(start, start + packed));
    at += 46 + nameLength;
  }
  return files;
}

test("NumPy's file holds the arrays", () => {
  const files = unzip(set.npz());
  assert.deepEqual(Object.keys(files), ["images", "labels", "classes", "mean", "std", "factor"].map((name) => `${name}.npy`));
  const header = (name) => files[name].toString("latin1", 10, 10 + files[name].readUInt16LE(8));
  assert.match(header("images.npy"), /'descr': '\|u1', 'fortran_order': False, 'shape': \(6,3,16,16,\)/);
  assert.deepEqual(new Uint8Array(files["images.npy"].subarray(-set.pixels.length)), set.pixels);
  assert.match(header("labels.npy"), /'<i8'.*\(6,\)/);
});

test("a split and a choice are disjoint and by class", async () => {
  const { train, test: held } = await split(images, 0.25, 3);
  assert.deepEqual([train.labels.length, held.labels.length], [27, 9]);
  const count = (labels, label) => labels.filter((value) => value === label).length;
  assert.deepEqual([0, 1, 2].map((label) => count(held.labels, label)), [3, 3, 3]);
  const key = (set, at) => set.pixels.subarray(at * 768, (at + 1) * 768).join();
  const seen = new Set(Array.from(train.labels, (_, at) => key(train, at)));
  assert.ok(Array.from(held.labels, (_, at) => key(held, at)).every((image) => !seen.has(image)));
  const random = await randomImages(images, 2, 3);
  assert.deepEqual(await randomImages(images, set.counts, 3), random);
  assert.deepEqual([...random.labels], [0, 0, 1, 1, 2, 2]);
});

test("a network learns from a set", async () => {
  const { train, test: held } = await split(images, 0.25);
  const settings = { repeats: 1, epochs: 60, width: 16 };
  let shares = 0;
  const accuracy = await evaluate(train, held, { ...settings, onProgress: (done, total) => (shares += done <= total ? 1 : NaN) });
  assert.ok(accuracy.mean > 0.9, `${accuracy.mean}`);
  assert.deepEqual([accuracy.repeats, accuracy.engine.name], [1, "cpu"]);
  assert.match(accuracy.protocol, /quick, width 16, epochs 60/);
  assert.ok(shares > 0);
  const distilled = await evaluate(set, held, settings);
  assert.ok(distilled.mean >= 0 && distilled.mean <= 1);
  const random = await randomImages(train, 2);
  assert.ok((await evaluate(random, held, { ...settings, normalisation: set })).mean >= 0);
});

test("an evaluation can be cancelled", async () => {
  const controller = new AbortController();
  const work = evaluate(images, images, { repeats: 1000, signal: controller.signal, onProgress: () => controller.abort() });
  await assert.rejects(work, { code: "aborted" });
});

test("Node has the CPU engine", async () => {
  const { webgpu, cpu } = await engines();
  assert.equal(webgpu.available, false);
  assert.match(webgpu.reason, /no WebGPU/);
  assert.deepEqual(cpu, { available: true, simd: true });
});

test("the version is the package's", async () => {
  const { default: { version: expected } } = await import("attar/package.json", { with: { type: "json" } });
  assert.equal(version, expected);
});
