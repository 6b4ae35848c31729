import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { distill, methods, readDistilled, suitedRecipe } from "attar";

import { quick, stripes } from "./images.mjs";

const images = stripes();

/** A run and all progress that it shows. */
async function watched(options) {
  const run = distill(images, { ...quick, ...options });
  const seen = [];
  for await (const progress of run) seen.push(progress);
  return { run, seen, set: await run.result };
}

test("a run shows its progress and gives a set", async () => {
  const before = images.pixels.slice();
  const { seen, set } = await watched({});
  assert.deepEqual(images.pixels, before, "the caller's images stay as they are");
  assert.deepEqual(set.classes, images.classes);
  assert.equal(set.pixels.length, 6 * 16 * 16);
  assert.deepEqual([...set.labels], [0, 0, 1, 1, 2, 2]);
  assert.equal(set.seed, 7);
  assert.deepEqual([set.losses.names, set.losses.units], [["matching", "calibration"], [1, 2, 3]]);
  assert.equal(set.losses.values.length, 6);
  assert.equal(set.recipe.images_per_class, 2);
  const last = seen.at(-1);
  assert.deepEqual([last.phase, last.done, last.total], ["distill", 3, 3]);
  assert.deepEqual([...new Set(seen.map(({ losses }) => losses?.unit))].filter(Boolean), [1, 2, 3]);
  assert.equal(last.engine.name, "cpu");
  assert.match(last.engine.reason, /no WebGPU/);
  assert.ok(last.seconds > 0 && last.unitsPerSecond > 0 && last.memory > images.pixels.length);
});

test("equal seeds give equal bytes, other seeds others", async () => {
  const bytes = async (seed) => (await distill(images, { ...quick, seed }).result).bytes;
  const [first, second, other] = [await bytes(7), await bytes(7), await bytes(8)];
  assert.deepEqual(first, second);
  assert.notDeepEqual(first, other);
});


test("a preview comes first, and the images move", async () => {
  const previews = [];
  // A preview shows the canvases as they are, of which a set may be the average.
  const recipe = { ...quick.recipe, canvas: { averaging: 0 } };
  const { set } = await watched({ recipe, onPreview: (preview) => previews.push(preview), previewEvery: 0 });
  assert.ok(previews.length > 3);
  assert.notDeepEqual(previews[0].pixels, set.pixels);
  assert.deepEqual(previews.at(-1).pixels, set.pixels);
  const again = await readDistilled(previews[0].bytes);
  assert.deepEqual(again.pixels, previews[0].pixels);
});

test("the first update is shown at once, and nothing before it", async () => {
  const previews = [];
  await watched({ onPreview: (preview) => previews.push(preview), previewEvery: 3_600_000 });
  assert.equal(previews.length, 2);
  assert.notDeepEqual(previews[0].pixels, previews[1].pixels);
});

test("a checkpoint gives what the whole run gives", async () => {
  const whole = await distill(images, quick).result;
  const half = distill(images, quick);
  for await (const progress of half) {
    if (progress.phase === "distill" && progress.done === 1) {
      half.pause();
      break;
    }
  }
  const checkpoint = await half.checkpoint();
  half.finish();
  assert.equal((await half.result).losses.units.length, 1);
  const resumed = await distill(images, { ...quick, checkpoint }).result;
  assert.deepEqual(resumed.bytes, whole.bytes);
});

test("checkpoints come by themselves", async () => {
  const kept = [];
  await watched({ onCheckpoint: (bytes) => kept.push(bytes), checkpointEvery: 0 });
  assert.ok(kept.length > 2 && kept.every((bytes) => bytes instanceof Uint8Array && bytes.length > 100));
});

test("a paused run stands still", async () => {
  const run = distill(images, { ...quick, iterations: 400 });
  let seen = 0;
  const watching = (async () => {
    for await (const _ of run) seen += 1;
  })();
  while (seen === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  run.pause();
  // The answer comes after the unit in progress.
  await run.checkpoint();
  await new Promise((resolve) => setTimeout(resolve, 30));
  const still = seen;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(seen, still);
  run.resume();
  while (seen === still) await new Promise((resolve) => setTimeout(resolve, 10));
  run.finish();
  await watching;
  assert.ok((await run.result).losses.units.at(-1) < 400);
  await assert.rejects(run.checkpoint(), { code: "aborted" });
});

test("an abort ends the run within a unit", async () => {
  const controller = new AbortController();
  const run = distill(images, { ...quick, iterations: 100_000, signal: controller.signal });
  const loop = async () => {
    for await (const progress of run) if (progress.done >= 1) controller.abort();
  };
  await assert.rejects(loop(), { name: "AttarError", code: "aborted" });
  await assert.rejects(run.result, { code: "aborted" });
  await assert.rejects(distill(images, { signal: AbortSignal.abort() }).result, { code: "aborted" });
});

test("a time budget ends the run with what it has", async () => {
  const { losses } = await distill(images, { ...quick, iterations: 100_000, timeBudget: 0.3 }).result;
  assert.ok(losses.units.at(-1) >= 1 && losses.units.at(-1) < 100_000);
});

test("three images in a class are enough", async () => {
  const few = stripes({ classes: 2, perClass: 3, channels: 3 });
  const set = await distill(few, { iterations: 1, seed: 0 }).result;
  assert.equal(set.imagesPerClass, 1);
  assert.equal(set.factor, 1);
});

test("the recipe suits the images", async () => {
  const recipe = await suitedRecipe(stripes({ perClass: 20, size: 32 }), 10);
  assert.equal(recipe.images_per_class, 10);
  assert.equal(recipe.method.name, "ncfm");
  assert.equal(recipe.real.batch, 20);
  assert.equal(recipe.canvas.factor, "auto", "the run chooses by the images");
  assert.equal(recipe.pool.timing, "alongside");
  const large = await suitedRecipe(stripes({ perClass: 80, size: 128 }));
  assert.deepEqual([large.images_per_class, large.real.batch], [10, 32]);
  const changed = await suitedRecipe(images, undefined, { network: { width: 64 }, labels: "soft" });
  assert.deepEqual([changed.network.width, changed.network.norm, changed.labels], [64, "instance", "soft"]);
});

test("every method that is listed is declared, and distils", async () => {
  const all = await methods();
  assert.equal(all[0].name, "ncfm");
  const types = await readFile(new URL("../dist/types/glue/attar.d.ts", import.meta.url), "utf8");
  const union = types.slice(types.indexOf("export type MethodRecipe"), types.indexOf(";", types.indexOf("export type MethodRecipe")));
  for (const { name, about, losses } of all) {
    assert.ok(union.includes(`"${name}"`), `${name} is not in the type MethodRecipe`);
    assert.match(about, /20\d\d/);
    const set = await distill(images, { ...quick, recipe: { ...quick.recipe, method: { name } } }).result;
    assert.equal(set.method, name);
    assert.deepEqual(set.losses.names, losses);
    assert.deepEqual(set.counts, [2, 2, 2]);
  }
});

test("a set's recipe makes it again", async () => {
  const set = await distill(images, quick).result;
  const again = await distill(images, { recipe: set.recipe }).result;
  assert.deepEqual(again.bytes, set.bytes);
});

test("soft labels come with the set", async () => {
  const { soft, labels, factor } = await distill(images, { ...quick, recipe: { ...quick.recipe, labels: "soft" } }).result;
  assert.equal(soft.length, labels.length * factor ** 2 * 3);
});
