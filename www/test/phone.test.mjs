// Every page on a phone: nothing is wider than the screen, and all of it is accessible.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible } from "./axe.mjs";
import { download, keepPicture, ready, start, wellBehaved } from "./harness.mjs";
import { choose, reach } from "./visit.mjs";

const MINUTES = 60_000;
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let demo;
before(async () => {
  demo = await start("cpu");
});
after(() => demo.close());

/** What sticks out of the page, which is one column here. */
async function fits(page, name) {
  const { wide, screen } = await page.evaluate(() => {
    const { clientWidth: screen, scrollWidth } = document.documentElement;
    const beyond = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > screen);
    return { screen, wide: scrollWidth > screen ? beyond.map(({ outerHTML }) => outerHTML.slice(0, 120)) : [] };
  });
  assert.equal(screen, PHONE.viewport.width, `${name} is laid out for the phone`);
  assert.deepEqual(wide, [], `${name} is wider than the screen`);
  await accessible(page, name);
  await keepPicture(page, `phone-${name}`);
}

test("a visit with a phone", async () => {
  const opened = await demo.open(PHONE);
  const { page } = opened;
  await fits(page, "start");
  await choose(page, 8, ["Ankle boot", "Bag", "T-shirt or top"]);
  await page.tap(".more summary");
  await fits(page, "classes");
  await page.tap("#start");
  await reach(page, 3);
  await fits(page, "run");
  await page.tap("#finish");
  await page.waitForSelector("#judgement[data-state=done]", { timeout: 2 * MINUTES });
  await fits(page, "result");
  const file = await download(page, "[data-download='distilled.attar']", "distilled.attar");
  await wellBehaved(opened);
  await page.goto(`${demo.server.address}share.html`);
  await ready(page);
  await page.setInputFiles("#share-file", file);
  await page.waitForSelector("#share-grid canvas");
  await fits(page, "share");
  await page.goto(`${demo.server.address}privacy.html`);
  await ready(page);
  await fits(page, "privacy");
});
