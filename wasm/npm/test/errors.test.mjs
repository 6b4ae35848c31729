import assert from "node:assert/strict";
import test from "node:test";

import { AttarError, distill, evaluate, readDistilled, split } from "attar";

import { quick, stripes } from "./images.mjs";

const images = stripes();
const result = (changed, options = {}) => distill({ ...images, ...changed }, { ...quick, ...options }).result;

const cases = [
  ["data", "labels without a class", () => result({ labels: images.labels.map(() => 9) })],
  ["data", "pixels that are no whole images", () => result({ pixels: images.pixels.slice(1) })],
  ["data", "one class", () => result({ classes: ["only"], labels: new Uint32Array(images.labels.length) })],
  ["data", "labels of another type", () => result({ labels: [...images.labels] })],
  ["data", "classes without an image", () => result({ labels: images.labels.map(() => 0) })],
  ["recipe", "an unknown key", () => result({}, { recipe: { netwrok: { width: 3 } } })],
  ["recipe", "a value that cannot be", () => result({}, { recipe: { real: { batch: 0 } } })],
  ["unsupported", "an engine that is not here", () => result({}, { engine: "webgpu" })],
  ["unsupported", "an engine that there is not", () => result({}, { engine: "abacus" })],
  ["unsupported", "a log level that there is not", () => result({}, { log: "loud" })],
  ["format", "a checkpoint that is none", () => result({}, { checkpoint: new Uint8Array(100) })],
  ["format", "a pool that is none", () => result({}, { pool: new Uint8Array(100) })],
  ["format", "a file that is none", () => readDistilled(new TextEncoder().encode("PK"))],
  ["recipe", "a protocol that there is not", () => evaluate(images, images, { protocol: "none" })],
  ["data", "a fraction that is none", () => split(images, 2)],
  ["unsupported", "files to decode under Node", () => distill({ a: [new Blob(["x"])], b: [] }).result],
];

for (const [code, what, attempt] of cases) {
  test(`${what}: ${code}`, async () => {
    await assert.rejects(attempt(), (error) => {
      assert.ok(error instanceof AttarError && error instanceof Error, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, /\w/);
      return true;
    });
  });
}

test("a checkpoint of other images is refused", async () => {
  const run = distill(images, { ...quick, iterations: 1000 });
  const checkpoint = await run.checkpoint();
  run.finish();
  await run.result;
  await assert.rejects(distill(stripes({ seed: 2 }), { ...quick, checkpoint }).result, { code: "data" });
});

test("a run that diverges keeps its last good images", async () => {
  const recipe = { ...quick.recipe, canvas: { units: "pixels", optimiser: { name: "sgd", momentum: 0.9, weight_decay: 0 }, lr: 1e3 }, method: { ...quick.recipe.method, frequency_scale: 1, loss_scale: 1e38 } };
  await assert.rejects(result({}, { recipe, iterations: 50 }), (error) => {
    assert.equal(error.code, "non-finite", error.message);
    assert.equal(error.kept.pixels.length, 6 * 16 * 16);
    return true;
  });
});
