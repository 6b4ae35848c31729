// On WebGPU (SwiftShader, on the processor): the engine is named, and a lost device costs nothing but a moment.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { folderOfPictures, keepPicture, start, wellBehaved } from "./harness.mjs";

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

const iterations = (page, least) =>
  page.waitForFunction((count) => Number(document.querySelector("#run").dataset.losses) >= count, least, {
    timeout: 3 * MINUTES,
  });

test("a run survives the loss of its device", { timeout: 6 * MINUTES }, async () => {
  const opened = await demo.open({ bypassCSP: true, prepare: keepDevices });
  const { page } = opened;
  await page.setInputFiles("#choose-folder", folderOfPictures(4, ["Bag", "Trouser"]));
  await page.waitForSelector(".card");
  await page.selectOption("#budget", "900");
  await page.click("#start");
  await iterations(page, 1);
  assert.match(await page.textContent("[data-fact=Engine]"), /^WebGPU/);
  await page.evaluate(() => globalThis.workers.forEach((worker) => worker.postMessage("destroy")));
  await page.waitForSelector("#run-messages .note", { timeout: 2 * MINUTES });
  assert.match(await page.textContent("#run-messages"), /went on/, "the move is told");
  const reached = Number(await page.getAttribute("#run", "data-losses"));
  await iterations(page, reached + 2);
  await keepPicture(page, "device-lost");
  await page.click("#finish");
  await page.waitForSelector("#result-grid canvas", { timeout: MINUTES });
  await page.click("#judgement-stop");
  await wellBehaved(opened);
});
