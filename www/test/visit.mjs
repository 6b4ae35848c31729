// What a visitor does with a run, on whatever engine it is.

import assert from "node:assert/strict";
import { folderOfPictures, ready, wellBehaved } from "./harness.mjs";

const MINUTES = 60_000;

export const iterations = async (page) => Number(await page.getAttribute("#run", "data-losses"));

/** Waits for the losses of this iteration. */
export function reach(page, least) {
  const reached = (count) => Number(document.querySelector("#run").dataset.losses) >= count;
  return page.waitForFunction(reached, least, { timeout: 3 * MINUTES });
}

/** Chooses a folder of so many pictures a class: of all ten, or of these. */
export async function choose(page, perClass, classes = undefined) {
  await page.setInputFiles("#choose-folder", folderOfPictures(perClass, classes));
  await page.waitForSelector(".card");
}

/** Chooses three classes of eight pictures, on which networks are trained in seconds, and starts. */
export async function startSmall(page) {
  await choose(page, 8, ["Bag", "Sneaker", "Trouser"]);
  assert.equal(await page.inputValue("#per-class"), "1", "what suits so few pictures is suggested");
  await page.click("#start");
  await reach(page, 1);
}

/** Waits until the page has stored a checkpoint of its run. */
export async function checkpointKept(page) {
  const kept = () =>
    new Promise((resolve) => {
      indexedDB.open("attar").onsuccess = ({ target: { result } }) => {
        const request = result.transaction("run").objectStore("run").get("checkpoint");
        request.onsuccess = () => {
          result.close();
          resolve(request.result?.length > 0);
        };
      };
    });
  // `waitForFunction` takes a promise for an answer, whatever it resolves to.
  for (const since = Date.now(); !(await page.evaluate(kept)); await page.waitForTimeout(20)) {
    assert.ok(Date.now() - since < MINUTES, "a checkpoint is stored");
  }
}

/** Pauses, and waits until what was under way is done: the run stands still. */
export async function pause(page) {
  await page.click("#pause");
  assert.equal(await page.getAttribute("#run", "data-state"), "paused");
  let before;
  do {
    before = await iterations(page);
    await page.waitForTimeout(1000);
  } while ((await iterations(page)) !== before);
  await page.waitForTimeout(1500);
  assert.equal(await iterations(page), before, "it stands still");
}

export async function goOn(page) {
  const before = await iterations(page);
  await page.click("#pause");
  await reach(page, before + 1);
}

/** Cancels, after which the run is offered again. */
export async function cancel(page) {
  await page.click("#cancel");
  await page.waitForSelector("#run", { state: "hidden" });
  await page.waitForSelector("#resume-continue");
}

/** Reloads, and goes on from the checkpoint that is kept, at most three iterations later; `look` sees the offer. */
export async function reload(opened, look = async () => undefined) {
  const { page } = opened;
  const before = await iterations(page);
  await wellBehaved(opened);
  await page.reload();
  await ready(page);
  opened.requests.length = 0;
  await page.waitForSelector("#resume-continue");
  assert.match(await page.textContent("#resume"), /Continue the run of .*24 pictures/s);
  await look(page);
  await page.click("#resume-continue");
  await reach(page, 1);
  const first = await iterations(page);
  assert.ok(first >= before && first <= before + 3, `went on at iteration ${first} after ${before}`);
}

/** Ends the run with what it has, and waits until so many networks were judged; their accuracies. */
export async function finish(page, judged) {
  await page.click("#finish");
  await page.waitForSelector("#result:not([hidden])", { timeout: MINUTES });
  const done = (count) => document.querySelectorAll("#judgement [data-accuracy]").length >= count;
  await page.waitForFunction(done, judged, { timeout: 2 * MINUTES });
  const places = await page.$$eval("#judgement [data-accuracy]", (all) => all.map(({ dataset }) => dataset.accuracy));
  const accuracies = places.map(Number);
  assert.ok(accuracies.every((accuracy) => accuracy >= 0 && accuracy <= 1));
  assert.match(await page.textContent("#result-size"), /instead of .* 24 pictures/);
  return accuracies;
}
