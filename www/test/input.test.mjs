// Pictures come in by every door, and what is wrong with them is said in one sentence.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { firstOfEach, zip } from "../scripts/fashion.mjs";
import { drop, folderOf, start, wellBehaved } from "./harness.mjs";
import { choose } from "./visit.mjs";

let demo;
before(async () => {
  demo = await start("cpu");
});
after(() => demo.close());

const names = (page) => page.$$eval(".card [data-part=name]", (inputs) => inputs.map(({ value }) => value));
const counts = (page) => page.$$eval(".card .count", (places) => places.map(({ textContent }) => textContent));
const messages = (page) =>
  page.$$eval("#input-messages .message", (places) => places.map(({ textContent }) => textContent));
const problems = (page) =>
  page.$$eval("#settings-problems .message", (places) => places.map(({ textContent }) => textContent));

test("a dropped folder becomes classes, whatever else lies in it", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const pictures = firstOfEach(3);
  const folder = folderOf([
    ...pictures,
    { path: "deep/er/Bag/more.png", data: pictures[0].data },
    { path: "Bag/.DS_Store", data: Buffer.from("x") },
    { path: "Bag/notes.txt", data: Buffer.from("x") },
  ]);
  await drop(page, [folder]);
  await page.waitForSelector(".card");
  assert.equal((await names(page)).length, 10);
  assert.equal((await counts(page))[(await names(page)).indexOf("Bag")], "4 pictures");
  assert.deepEqual(await messages(page), ["1 file is not a picture and was left out."]);
  await page.waitForFunction(thumbnailsDrawn, 3);
  await wellBehaved(opened);
});

/** In the page: whether so many thumbnails of the first class are there. */
function thumbnailsDrawn(most) {
  const canvas = document.querySelector(".card .thumbnails canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const middle = (index) => copy.getImageData((index * canvas.width) / most + canvas.height / 2, canvas.height / 2, 1, 1);
  return Array.from({ length: most }, (_, index) => middle(index).data[3]).every((opaque) => opaque === 255);
}

test("classes are renamed, merged, removed, and given back", async () => {
  const opened = await demo.open();
  const { page } = opened;
  await choose(page, 2);
  await page.fill(".card:nth-child(1) [data-part=name]", "Boots");
  await page.keyboard.press("Tab");
  assert.equal((await names(page))[0], "Boots");
  // Without a name, it keeps the one that it has.
  const told = await page.textContent("#announcements");
  await page.fill(".card:nth-child(1) [data-part=name]", " ");
  await page.keyboard.press("Tab");
  assert.equal((await names(page))[0], "Boots");
  assert.equal(await page.textContent("#announcements"), told);
  await page.selectOption(".card:nth-child(1) [data-part=merge]", { label: "Bag" });
  assert.deepEqual([(await names(page)).slice(0, 2), (await counts(page))[0]], [["Bag", "Coat"], "4 pictures"]);
  await page.click("#undo");
  assert.deepEqual((await names(page)).slice(0, 2), ["Boots", "Bag"]);
  await page.click(".card:nth-child(2) [data-part=remove]");
  assert.deepEqual((await names(page)).slice(0, 2), ["Boots", "Coat"]);
  await page.click("#undo");
  assert.equal((await names(page)).length, 10);
  // The name of another class merges, too.
  await page.fill(".card:nth-child(1) [data-part=name]", "Coat");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 9);
  await wellBehaved(opened);
});

test("folders that were exported have the names of their classes", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const [{ data }] = firstOfEach(1);
  const named = [
    { folder: "cat~2", name: "cat" },
    { folder: "a%2Fb", name: "a/b" },
  ];
  const entries = [
    { path: "set/Cat/0.png", data },
    { path: "set/cat~2/0.png", data },
    { path: "set/a%2Fb/0.png", data },
    { path: "set/classes.json", data: Buffer.from(JSON.stringify(named)) },
  ];
  await drop(page, [folderOf(entries)]);
  await page.waitForSelector(".card");
  assert.deepEqual((await names(page)).toSorted(), ["Cat", "a/b", "cat"]);
  const packed = join(folderOf([{ path: "set.zip", data: zip(entries, deflateRawSync) }]), "set.zip");
  await page.setInputFiles("#choose-files", packed);
  await page.waitForFunction(() => document.querySelector(".card .count").textContent === "2 pictures");
  assert.deepEqual((await names(page)).toSorted(), ["Cat", "a/b", "cat"]);
  assert.deepEqual(await messages(page), []);
  // Another file of that name is one of those that are no pictures.
  await drop(page, [folderOf([{ path: "x/classes.json", data: Buffer.from("{}") }, ...firstOfEach(1)])]);
  await page.waitForFunction(() => document.querySelector("#input-messages").textContent.includes("left out"));
  assert.deepEqual(await messages(page), ["1 file is not a picture and was left out."]);
  await wellBehaved(opened);
});

test("a zip is read, packed or stored, and a broken one refused", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const entries = firstOfEach(4);
  const packed = zip(entries, deflateRawSync);
  const folder = folderOf([
    { path: "packed.zip", data: packed },
    { path: "cut.zip", data: packed.subarray(0, packed.length / 2) },
  ]);
  await page.setInputFiles("#choose-files", join(folder, "packed.zip"));
  await page.waitForSelector(".card");
  assert.deepEqual([(await names(page)).length, (await counts(page))[0]], [10, "4 pictures"]);
  await page.setInputFiles("#choose-files", join(folder, "cut.zip"));
  await page.waitForFunction(() => document.querySelector("#input-messages").textContent.includes("cut.zip"));
  assert.deepEqual(await messages(page), ["“cut.zip” is not a zip file, or its end is missing."]);
  // One entry's data are destroyed: it is left out, or shown as unreadable, and the rest is there.
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, 60, 160);
  writeFileSync(join(folder, "damaged.zip"), damaged);
  await page.click("#clear");
  await page.setInputFiles("#choose-files", join(folder, "damaged.zip"));
  await page.waitForFunction(() => document.querySelector("#input-messages").textContent.includes("damaged.zip"));
  assert.match((await messages(page))[0], /is damaged and was left out\.$/);
  assert.equal((await names(page)).length, 10);
  await wellBehaved(opened);
});

test("a card adds pictures to its class, and tells what is left out", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const entries = firstOfEach(2);
  const packed = zip(entries);
  await choose(page, 2);
  const add = (...files) => page.setInputFiles(".card:nth-child(2) [data-part=add]", files);
  const cut = { name: "cut.zip", mimeType: "application/zip", buffer: packed.subarray(0, packed.length / 2) };
  const told = ["“cut.zip” is not a zip file, or its end is missing."];
  await add(cut);
  await page.waitForSelector("#input-messages .problem");
  assert.deepEqual([await messages(page), (await counts(page))[1]], [told, "2 pictures"]);
  assert.equal(await page.isVisible("#undo"), false, "nothing was changed");
  // The same file again is told again, beside what can be read.
  await page.evaluate(() => document.querySelector("#input-messages").replaceChildren());
  await add(cut, { name: "good.zip", mimeType: "application/zip", buffer: packed });
  await page.waitForSelector("#input-messages .problem");
  assert.deepEqual([await messages(page), (await counts(page))[1]], [told, "22 pictures"]);
  assert.equal(await page.textContent("#announcements"), "20 pictures added to Bag.");
  assert.equal((await names(page)).length, 10, "its folders do not matter");
  await page.click("#undo");
  assert.equal((await counts(page))[1], "2 pictures");
  await wellBehaved(opened);
});

test("a zip may hold pictures of any format, and other files, which are counted", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const [{ data }] = firstOfEach(1);
  const formats = ["png", "jpg", "webp", "gif", "bmp", "avif", "apng", "heic", "heif", "tif", "tiff", "jxl"];
  const pictures = formats.map((format) => ({ path: `a/picture.${format}`, data }));
  const others = ["a/", "a/notes.txt", "a/.hidden.txt", "list.csv"].map((path) => ({ path, data: Buffer.alloc(0) }));
  const buffer = zip([...pictures, ...others]);
  await page.setInputFiles("#choose-files", { name: "all.zip", mimeType: "application/zip", buffer });
  await page.waitForSelector(".card");
  assert.deepEqual(await counts(page), ["12 pictures"]);
  assert.deepEqual(await messages(page), ["2 files are not pictures and were left out."]);
  await wellBehaved(opened);
});

test("sizes in a zip are not believed", async () => {
  const opened = await demo.open();
  const { page } = opened;
  // 120 MB of zeros, packed to 120 kB, beside a picture that is what it says.
  const bomb = zip([{ path: "a/bomb.png", data: Buffer.alloc(120e6) }, firstOfEach(1)[0]], (data) =>
    deflateRawSync(data),
  );
  bomb.writeUInt32LE(100, 22);
  await page.setInputFiles("#choose-files", { name: "bomb.zip", mimeType: "application/zip", buffer: bomb });
  await page.waitForSelector(".card");
  assert.match((await messages(page))[0], /^“bomb\.png” in “bomb\.zip” is damaged/);
  assert.equal((await names(page)).length, 1);
  await wellBehaved(opened);
});

test("a file that is too large is left out", async () => {
  const opened = await demo.open();
  const { page } = opened;
  await page.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(101e6)], "huge.jpg", { type: "image/jpeg" }));
    const input = document.querySelector("#choose-files");
    input.files = files.files;
    input.dispatchEvent(new Event("change"));
  });
  await page.waitForSelector("#input-messages .problem");
  assert.deepEqual(await messages(page), ["“huge.jpg” is larger than 100 MB and was left out."]);
  await wellBehaved(opened);
});

test("what cannot be distilled is told before it starts", async () => {
  const opened = await demo.open();
  const { page } = opened;
  const [first] = firstOfEach(1);
  const folder = folderOf([
    { path: "cats/1.png", data: first.data },
    { path: "cats/2.png", data: first.data },
    { path: "cats/3.png", data: first.data },
  ]);
  await page.setInputFiles("#choose-folder", folder);
  await page.waitForSelector(".card");
  assert.deepEqual(await problems(page), [
    "There is one class only, “cats”: add another, so that there is something to tell apart.",
  ]);
  assert.equal(await page.isDisabled("#start"), true);
  assert.match(await page.textContent("#settings-notes"), /“cats” has only 3 pictures/);
  // A picture alone is a class of its own.
  await page.setInputFiles("#choose-files", { name: "dog.png", mimeType: "image/png", buffer: first.data });
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 2);
  assert.deepEqual(await names(page), ["cats", "Class 1"]);
  assert.deepEqual(await problems(page), [
    "“Class 1” has one picture: a class needs two, one to distil and one to test on.",
  ]);
  await page.fill("#per-class", "0");
  assert.match((await problems(page)).at(-1), /whole number from 1 to 50/);
  await page.fill("#per-class", "9");
  assert.match((await problems(page)).at(-1), /No class has more than 2 pictures to distil from/);
  await wellBehaved(opened);
});

test("the camera fills a class", async () => {
  const opened = await demo.open();
  const { page } = opened;
  await page.click("#use-camera");
  await page.waitForSelector("#camera-shoot:not([disabled])");
  await page.focus("#camera-shoot");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#camera-message").textContent.includes("name first"));
  await page.fill("#camera-class", "cup");
  await page.focus("#camera-shoot");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#camera-count").textContent === "1 picture taken");
  await page.locator("#camera-shoot").hover();
  await page.mouse.down();
  await page.waitForFunction(() => Number.parseInt(document.querySelector("#camera-count").textContent) >= 4);
  await page.mouse.up();
  await page.keyboard.press("Escape");
  await page.waitForSelector(".card");
  assert.deepEqual(await names(page), ["cup"]);
  await wellBehaved(opened);
});

test("the page works in a frame of another site", async () => {
  const { page } = await demo.open();
  await page.goto(demo.server.frame);
  const frame = page.frameLocator("iframe");
  await frame.locator("#use-sample").click();
  await frame.locator(".card").first().waitFor();
  assert.equal(await frame.locator("#class-summary").textContent(), "10 classes, 500 pictures");
  await frame.locator("#start").click();
  await frame.locator("#run-grid canvas").first().waitFor({ timeout: 120_000 });
});

test("the policy refuses what it says it refuses", async () => {
  const { page } = await demo.open();
  const refused = await page.evaluate(async (own) => {
    const tries = [fetch("https://example.org/"), fetch(own), import("https://example.org/x.js")];
    return (await Promise.allSettled(tries)).map(({ status }) => status);
  }, demo.server.address);
  assert.deepEqual(refused, ["rejected", "rejected", "rejected"]);
  await page.waitForFunction(() => /blocked/.test(document.querySelector("#request-count").textContent));
  const source = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8");
  assert.match(source, /default-src 'none'; connect-src 'none'/);
});
