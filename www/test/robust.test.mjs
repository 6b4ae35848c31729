// What happens to real visitors: no network, broken files, thousands of pictures, a second tab, a tab in the background.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { firstOfEach, zip } from "../scripts/fashion.mjs";
import { asking, folderOf, LONGEST_TASK, longestTask, ready, start, wellBehaved } from "./harness.mjs";
import { checkpointKept, choose, iterations, pause, reach } from "./visit.mjs";

const MINUTES = 60_000;

let demo;
before(async () => {
  demo = await start("cpu");
});
after(() => demo.close());

const running = (page) => page.waitForSelector("#run-grid canvas", { timeout: 2 * MINUTES });

test("once loaded, it works with the network off and asks for nothing", async () => {
  const opened = await demo.open();
  const { page, context } = opened;
  // The one thing that a browser does by itself: it looks whether there is a newer service worker.
  const asked = () => demo.server.asked.slice(opened.asked).filter((path) => !path.endsWith("/sw.js"));
  await page.reload();
  await ready(page);
  assert.deepEqual(asked(), [], "all files come from the service worker");
  await context.setOffline(true);
  for (const path of ["share.html", "privacy.html", "", "index.html?x=1"]) {
    await page.goto(demo.server.address + path);
    await ready(page);
  }
  opened.requests.length = 0;
  await page.click("#use-sample");
  await page.waitForSelector(".card");
  await page.click("#start");
  await running(page);
  await page.click("#cancel");
  await page.waitForSelector("#run", { state: "hidden" });
  assert.deepEqual(asked(), []);
  await wellBehaved(opened);
});

test("it can be installed", async () => {
  const { page, context } = await demo.open();
  const session = await context.newCDPSession(page);
  const { url, errors } = await session.send("Page.getAppManifest");
  assert.deepEqual([url, errors], [`${demo.server.address}manifest.webmanifest`, []]);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  const found = installabilityErrors.map(({ errorId }) => errorId);
  // The profiles of tests are incognito ones.
  assert.deepEqual(
    found.filter((id) => id !== "in-incognito"),
    [],
  );
});

test("within the site, an address that is not a file of the page does not reach the network", async () => {
  const opened = await demo.open();
  const status = await opened.page.evaluate(
    () =>
      new Promise((resolve) => {
        const image = new Image();
        image.onerror = () => resolve("refused");
        image.onload = () => resolve("loaded");
        image.src = "./picture.png?secret";
      }),
  );
  assert.equal(status, "refused");
  assert.deepEqual(
    demo.server.asked.filter((path) => path.includes("picture.png")),
    [],
  );
});

/** A PNG file with another side in its header. */
function claimingSide(png, side) {
  const changed = Buffer.from(png);
  changed.writeUInt32BE(side, 16);
  changed.writeUInt32BE(side, 20);
  return changed;
}

test("pictures that cannot be read are left out and named", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const pictures = firstOfEach(4).filter(({ path }) => /^(Bag|Dress)/.test(path));
  const folder = folderOf([
    ...pictures,
    { path: "Bag/torn.png", data: pictures[0].data.subarray(0, 40) },
    { path: "Dress/empty.jpg", data: Buffer.alloc(0) },
    { path: "Dress/gone.png", data: pictures[0].data },
    { path: "Dress/huge.png", data: claimingSide(pictures[0].data, 16_000) },
  ]);
  await page.setInputFiles("#choose-folder", folder);
  await page.waitForSelector(".card");
  rmSync(join(folder, "Dress/gone.png"));
  await page.click("#start");
  await running(page);
  assert.match(
    await page.textContent("#run-messages"),
    /3 pictures could not be read and were left out: “torn\.png”, “empty\.jpg”, “gone\.png”\.1 picture has more than 100 million pixels and was left out: “huge\.png”\./,
  );
  await page.click("#cancel");
  await wellBehaved(opened);
});

test("a class of which too little can be read is told, and nothing is lost", async () => {
  const { page } = await demo.open();
  const pictures = firstOfEach(3).filter(({ path }) => /^(Bag|Dress)/.test(path));
  const torn = pictures.map(({ path, data }) => ({ path, data: path.startsWith("Bag") ? data.subarray(0, 40) : data }));
  await page.setInputFiles("#choose-folder", folderOf(torn));
  await page.waitForSelector(".card");
  await page.click("#start");
  await page.waitForSelector("#settings-problems .problem");
  assert.equal(
    await page.textContent("#settings-problems"),
    "Fewer than two pictures of “Bag” can be read: add some, or remove the class.",
  );
  assert.equal(await page.locator(".card").count(), 2);
});

test("5,000 pictures are read without holding up the page", { timeout: 4 * MINUTES }, async () => {
  const opened = await demo.open();
  const { page } = opened;
  const buffer = zip(firstOfEach(500));
  await page.setInputFiles("#choose-files", { name: "many.zip", mimeType: "application/zip", buffer });
  const listed = () => document.querySelector("#class-summary").textContent.includes("5,000");
  await page.waitForFunction(listed, undefined, { timeout: MINUTES });
  await page.click("#start");
  // From the last pictures on, all are put together, kept and handed over; a trace of everything would be too large to read.
  const nearlyRead = () => /: 4,[5-9]|: 5,/.test(document.querySelector("#run-status").textContent);
  await page.waitForFunction(nearlyRead, undefined, { timeout: 2 * MINUTES });
  const longest = await longestTask(opened, () => running(page));
  console.log(`longest task with 5,000 pictures: ${Math.round(longest)} ms`);
  assert.ok(longest < LONGEST_TASK, `a task of ${longest} ms`);
  await page.click("#cancel");
  await wellBehaved(opened);
});

test("a run that has not begun is kept over a reload, and when it is cancelled", async () => {
  const opened = await demo.open();
  const { page } = opened;
  await choose(page, 3, ["Bag", "Dress"]);
  await page.click("#start");
  await page.waitForSelector("#run[data-state=running]");
  await wellBehaved(opened);
  await page.reload();
  await ready(page);
  opened.requests.length = 0;
  const waiting = /Start the run of .* again\?6 pictures, .* It has reached nothing yet, so it starts from the beginning\./s;
  assert.match(await page.textContent("#resume"), waiting);
  await page.evaluate(cancelAsSoonAsPossible);
  await page.click("#resume-continue");
  await page.waitForSelector("#run[data-state=ended]", { state: "hidden" });
  await page.waitForSelector("#resume-continue");
  assert.match(await page.textContent("#resume"), waiting);
  await page.click("#resume-continue");
  await reach(page, 1);
  await page.click("#cancel");
  await page.waitForSelector("#resume-continue");
  assert.match(await page.textContent("#resume"), /Continue the run of/);
  await wellBehaved(opened);
});

/** In the page, since a click from outside of it may come after the first progress. */
function cancelAsSoonAsPossible() {
  const cancel = document.querySelector("#cancel");
  const watch = new MutationObserver(() => {
    watch.disconnect();
    cancel.click();
  });
  watch.observe(cancel, { attributeFilter: ["hidden"] });
}

/** A recipe that diverges. */
const DIVERGING = {
  canvas: { units: "pixels", optimiser: { name: "sgd", momentum: 0.9, weight_decay: 0 }, lr: 1e3 },
  method: { loss_scale: 1e38 },
};

test("a run that diverges gives what it had, and says so", async () => {
  const opened = await demo.open({ prepare: asking({ distill: { recipe: DIVERGING } }) });
  const { page } = opened;
  await choose(page, 3, ["Bag", "Dress"]);
  await page.click("#start");
  const told = async () => {
    await page.waitForSelector("#result-grid canvas", { timeout: 2 * MINUTES });
    assert.match(
      await page.textContent("#result-messages"),
      /^The numbers ran out of bounds, so this is the set as it was (at its start|after \d+ iterations?)\./,
    );
  };
  await told();
  assert.equal(await page.isVisible("#run"), false);
  await page.click("#judgement-stop");
  await wellBehaved(opened);
  await page.reload();
  await page.click("#resume-show");
  await told();
});

for (const size of [64, 128]) {
  test(`pictures of ${size} x ${size} are distilled, and pausing is answered`, { timeout: 4 * MINUTES }, async () => {
    const opened = await demo.open();
    const { page } = opened;
    await choose(page, 3, ["Bag", "Dress"]);
    await page.check(`[name=size][value="${size}"]`);
    await page.selectOption("#budget", "30");
    await page.click("#start");
    await reach(page, 1);
    assert.equal(await page.$eval("#run-grid canvas", ({ height }) => height), size);
    const paused = Date.now();
    const before = await page.evaluate(() => {
      document.querySelector("#pause").click();
      return Number(document.querySelector("#run").dataset.losses);
    });
    await checkpointKept(page);
    console.log(`paused within ${Date.now() - paused} ms at ${size} x ${size}`);
    const reached = await iterations(page);
    // The engine answers after the unit of work that it is at, and may have told of another meanwhile.
    assert.ok(reached <= before + 2, `iteration ${reached}, where ${before} was shown`);
    await page.waitForTimeout(1500);
    assert.equal(await iterations(page), reached);
    await page.click("#cancel");
    await page.waitForSelector("#resume-continue");
    assert.match(await page.textContent("#resume"), new RegExp(`at ${size} × ${size}`));
    await wellBehaved(opened);
  });
}

test("a second tab leaves the run of the first alone", async () => {
  const { page, context } = await demo.open();
  await choose(page, 3, ["Bag", "Dress"]);
  await page.click("#start");
  await reach(page, 1);
  const second = await context.newPage();
  await second.goto(demo.server.address);
  await second.waitForSelector("html[data-ready]");
  assert.equal(await second.isVisible("#resume"), false);
  await choose(second, 4, ["Bag", "Dress"]);
  await second.click("#start");
  await running(second);
  assert.match(await second.textContent("#run-messages"), /will be lost if the page is reloaded.*another tab/);
  await reach(page, (await iterations(page)) + 2);
  await pause(page);
  await checkpointKept(page);
  await page.reload();
  await page.waitForSelector("#resume-continue");
  assert.match(await page.textContent("#resume"), /Continue the run of .*6 pictures/s, "not the 8 of the second");
  await page.click("#resume-continue");
  await reach(page, 1);
});

/** In the page: what it sees when its tab goes to the background, or comes back. */
function background(hidden) {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

test("a tab in the background keeps a checkpoint at once, goes on, and shows that on its return", async () => {
  const opened = await demo.open();
  const { page } = opened;
  await choose(page, 3, ["Bag", "Dress"]);
  await page.click("#start");
  await reach(page, 1);
  await page.evaluate(background, true);
  await checkpointKept(page);
  const grid = () => document.querySelector("#run-grid canvas").toDataURL();
  const left = await page.evaluate(grid);
  await reach(page, (await iterations(page)) + 3);
  assert.equal(await page.evaluate(grid), left, "nothing is drawn that nobody sees");
  await page.evaluate(background, false);
  assert.match(await page.textContent("#announcements"), /went on while the tab was in the background/);
  const other = (before) => document.querySelector("#run-grid canvas").toDataURL() !== before;
  await page.waitForFunction(other, left, { timeout: MINUTES });
  await wellBehaved(opened);
});
