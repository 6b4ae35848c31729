// On WebGPU (SwiftShader, on the processor): a visit like that on the CPU, and a lost device, which costs nothing but a moment.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect, NEEDS_CLI } from "./cli.mjs";
import { asking, download, keepPicture, start, wellBehaved } from "./harness.mjs";
import { cancel, choose, finish, goOn, iterations, pause, reach, reload, startSmall } from "./visit.mjs";

const MINUTES = 60_000;

let demo;
before(async () => {
  demo = await start("webgpu");
});
after(() => demo.close());

/**
 * Runs in the page: its workers keep the devices that they get, and destroy them when told to. The policy would not let a
 * worker import a blob, so the page is opened without it.
 */
function keepDevices() {
  const NativeWorker = globalThis.Worker;
  const keeper = `
    const devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await request.apply(this, options);
      devices.push(device);
      return device;
    };
    addEventListener("message", ({ data }) => {
      if (data === "destroy") devices.forEach((device) => device.destroy());
    });`;
  globalThis.workers = [];
  globalThis.Worker = class extends NativeWorker {
    constructor(url, options) {
      super(
        URL.createObjectURL(new Blob([`import ${JSON.stringify(String(url))};${keeper}`], { type: "text/javascript" })),
        options,
      );
      globalThis.workers.push(this);
    }
  };
}

/** Networks so small that SwiftShader compiles and trains them in seconds. */
const SMALL = {
  distill: {
    recipe: {
      network: { width: 8, depth: 1 },
      pool: { networks: 1, epochs: 1, training: { augment: "none" } },
      real: { augment: "none" },
      method: { frequencies: 64 },
    },
  },
  evaluate: { settings: { width: 8, mostSteps: 5, repeats: 1 } },
};

test("a visit, from the pictures to the file", { timeout: 6 * MINUTES, ...NEEDS_CLI }, async () => {
  const opened = await demo.open({ prepare: asking(SMALL) });
  const { page } = opened;
  await startSmall(page);
  assert.match(await page.textContent("[data-fact=Engine]"), /^WebGPU/);
  await pause(page);
  await goOn(page);
  await cancel(page);
  await reload(opened);
  assert.match(await page.textContent("[data-fact=Engine]"), /^WebGPU/);
  await finish(page, 1);
  await page.click("#judgement-stop");
  assert.match(inspect(await download(page, "[data-download='distilled.attar']", "distilled.attar")), /Sneaker/);
  await wellBehaved(opened);
});

test("a run survives the loss of its device", { timeout: 6 * MINUTES }, async () => {
  const opened = await demo.open({ bypassCSP: true, prepare: `(${keepDevices})();${asking(SMALL)}` });
  const { page } = opened;
  await choose(page, 4, ["Bag", "Trouser"]);
  await page.selectOption("#budget", "900");
  await page.click("#start");
  await reach(page, 1);
  assert.match(await page.textContent("[data-fact=Engine]"), /^WebGPU/);
  await page.evaluate(() => globalThis.workers.forEach((worker) => worker.postMessage("destroy")));
  await page.waitForSelector("#run-messages .note", { timeout: 2 * MINUTES });
  assert.match(await page.textContent("#run-messages"), /went on/, "the move is told");
  await reach(page, (await iterations(page)) + 2);
  await keepPicture(page, "device-lost");
  await page.click("#finish");
  await page.waitForSelector("#result-grid canvas", { timeout: MINUTES });
  await page.click("#judgement-stop");
  await wellBehaved(opened);
});
