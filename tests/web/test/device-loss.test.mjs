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

// A worker that is the package's, on a device whose buffers are small.
const narrow = `
Object.defineProperty(GPUSupportedLimits.prototype, "maxStorageBufferBindingSize", { get: () => 4096 });
import "/dist/worker.js";
`;

test("a run that does not fit on WebGPU begins on the CPU, unless WebGPU is asked for", async (t) => {
  const { page } = await packagePage(t, { webgpu: true, pages: { "/narrow.js": narrow } });
  const { code, engine, losses, judged } = await page.evaluate(async () => {
    const worker = () => new Worker("/narrow.js", { type: "module" });
    const code = await attar.distill(stripes(), { ...quick, engine: "webgpu", worker }).result.catch((error) => error.code);
    const run = attar.distill(stripes(), { ...quick, worker });
    let engine;
    for await (const progress of run) engine = progress.engine;
    const { losses } = await run.result;
    const judged = await attar.evaluate(stripes(), stripes(), { width: 8, repeats: 1, mostSteps: 1, worker });
    return { code, engine, losses: losses.units.length, judged: judged.engine.name };
  });
  assert.equal(code, "limit");
  assert.deepEqual([engine.name, losses, judged], ["cpu", 3, "cpu"]);
  assert.match(engine.reason, /^The CPU does the work, since it could not begin on WebGPU \(.* needs \d+, but there is only \d+\)\.$/);
});

for (const [where, refuse, name] of [["a new device", false, "webgpu"], ["the CPU", true, "cpu"]]) {
  test(`a run goes on on ${where} when its device is lost`, async (t) => {
    const { page } = await packagePage(t, { webgpu: true, pages: { "/worker-with-a-hand.js": worker } });
    const { losses, engine, pixels } = await page.evaluate(interrupted, refuse);
    assert.equal(engine.name, name);
    assert.match(engine.reason, new RegExp(`went on .* on ${where}`));
    assert.deepEqual(losses.units, [1, 2, 3, 4]);
    const expected = await page.evaluate(undisturbed);
    const far = pixels.filter((value, at) => Math.abs(value - expected.pixels[at]) > 2).length;
    assert.ok(far <= pixels.length / 100, `${far} of ${pixels.length} pixels differ from those of a run that was left alone`);
  });
}
