import assert from "node:assert/strict";
import test from "node:test";

import { packagePage } from "../fixtures.mjs";

// A worker that is the package's, but for a hand on the device: it destroys it when told to, and may refuse another.
const worker = `
const request = GPUAdapter.prototype.requestDevice;
let device;
let refuse = false;
GPUAdapter.prototype.requestDevice = async function (...args) {
  if (refuse) throw new Error("there is no more");
  return (device = await request.apply(this, args));
};
addEventListener("message", ({ data }) => {
  if (data === "refuse") refuse = true;
  if (data === "destroy") device.destroy();
});
await import("/dist/worker.js");
postMessage("loaded");
`;

/** In the page: destroys the device after the first iteration. */
const interrupted = async (refuse) => {
  const worker = new Worker("/worker-with-a-hand.js", { type: "module" });
  await new Promise((resolve) => worker.addEventListener("message", ({ data }) => data === "loaded" && resolve()));
  const run = attar.distill(stripes(), { ...quick, iterations: 4, engine: "webgpu", worker });
  let destroyed = false;
  let engine;
  for await (const progress of run) {
    engine = progress.engine;
    if (progress.losses && !destroyed) {
      destroyed = true;
      if (refuse) worker.postMessage("refuse");
      worker.postMessage("destroy");
    }
  }
  const { losses, pixels } = await run.result;
  return { losses, engine, pixels: Array.from(pixels) };
};

const undisturbed = async () => {
  const { losses, pixels } = await attar.distill(stripes(), { ...quick, iterations: 4, engine: "cpu" }).result;
  return { losses, pixels: Array.from(pixels) };
};

for (const [where, refuse, name] of [["a new device", false, "webgpu"], ["the CPU", true, "cpu"]]) {
  test(`a run goes on on ${where} when its device is lost`, async (t) => {
    const { page } = await packagePage(t, { webgpu: true, pages: { "/worker-with-a-hand.js": worker } });
    const { losses, engine, pixels } = await page.evaluate(interrupted, refuse);
    assert.equal(engine.name, name);
    assert.match(engine.reason, new RegExp(`went on .* on ${where}`));
    assert.deepEqual(losses.map(({ unit }) => unit), [1, 2, 3, 4]);
    const expected = await page.evaluate(undisturbed);
    const far = pixels.filter((value, at) => Math.abs(value - expected.pixels[at]) > 2).length;
    assert.ok(far <= pixels.length / 100, `${far} of ${pixels.length} pixels differ from those of a run that was left alone`);
  });
}
