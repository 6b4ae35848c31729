// A browser with the built demo in it, and what every test holds it to: no error in the console, no request once the page
// is loaded, no task that holds the page up.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../../tests/web/harness.mjs";
import { firstOfEach, greyPng } from "../scripts/fashion.mjs";
import { serve } from "./server.mjs";

/** Longest time that the page may be held up, in milliseconds. */
export const LONGEST_TASK = 100;

/** The browser's own name for the trace of tasks. */
const TASKS = "disabled-by-default-devtools.timeline";
const ARTEFACTS = fileURLToPath(new URL("artefacts/", import.meta.url));
const FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/** Starts a server and a browser with WebGPU on SwiftShader, or without WebGPU. */
export async function start(engine) {
  const server = await serve();
  const browser = await launch({ webgpu: engine === "webgpu", args: FAKE_CAMERA });
  return {
    server,
    browser,
    open: (options) => open(browser, server, options),
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

/** A new, empty profile at the demo's start, with its service worker ready. */
async function open(browser, server, { path = "index.html", prepare, ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ["camera"],
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(error.stack ?? String(error)));
  page.on("crash", () => complaints.push("the page crashed"));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(server.address + path);
  await ready(page);
  const requests = [];
  context.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url())) requests.push(request.url());
  });
  return { page, context, browser, complaints, requests, asked: server.asked.length };
}

/**
 * A script for `prepare`: the page's workers are asked to distil or evaluate with these changes, which its form does not allow.
 */
export function asking(changes) {
  return `(${changeRequests})(${JSON.stringify(changes)})`;
}

function changeRequests(changes) {
  const merge = (into, from) => {
    for (const [key, value] of Object.entries(from)) {
      if (typeof value === "object" && typeof into[key] === "object") merge(into[key], value);
      else into[key] = value;
    }
  };
  const NativeWorker = globalThis.Worker;
  globalThis.Worker = class extends NativeWorker {
    postMessage(message, transfer) {
      if (message.request) merge(message.request, changes[message.request.kind] ?? {});
      super.postMessage(message, transfer);
    }
  };
}

/** Waits until the page is ready and works offline. */
export async function ready(page) {
  await page.waitForSelector("#offline[data-ready]", { state: "attached" });
}

/** What must be true of a page at any time. */
export async function wellBehaved({ page, complaints, requests }) {
  assert.deepEqual(complaints, [], "complaints in the console");
  assert.deepEqual(requests, [], "requests after the page was loaded");
  assert.match(await page.textContent("#request-count"), /^0 requests since load$/);
}

/**
 * Does something, and gives the longest task of the page meanwhile, in milliseconds of its thread's own work: on a busy machine,
 * the time that passes says more about the other programs.
 */
export async function longestTask({ page, browser }, act) {
  await browser.startTracing(page, { categories: [TASKS] });
  let trace;
  try {
    await act();
  } finally {
    // The browser has one trace at a time.
    trace = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(trace.toString("utf8"));
  const thread = ({ pid, tid }) => `${pid} ${tid}`;
  const pages = new Set(
    traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(thread),
  );
  // A task that the trace cut off has no time of its own.
  const whole = ({ name, ph, tdur }) => name === "RunTask" && ph === "X" && tdur !== undefined;
  const tasks = traceEvents.filter((event) => whole(event) && pages.has(thread(event)));
  assert.ok(tasks.length > 0, "there are tasks in the trace");
  return Math.max(...tasks.map(({ tdur }) => tdur)) / 1000;
}

/** A picture of the whole page, kept under test/artefacts. */
export async function keepPicture(page, name) {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true, animations: "disabled" });
}

/** A new folder of real pictures of 32 x 32, a folder a class: of all ten, or of these. */
export function folderOfPictures(perClass, classes = undefined) {
  const entries = firstOfEach(perClass, (picture) => greyPng(picture, 32));
  return folderOf(entries.filter(({ path }) => !classes || classes.includes(path.split("/")[0])));
}

const files = mkdtempSync(join(tmpdir(), "attar-demo-"));
process.on("exit", () => rmSync(files, { recursive: true, force: true }));

/** A folder of its own, until the tests of a file are done. */
function newFolder() {
  return mkdtempSync(join(files, "test-"));
}

/** A new folder with these files, `{ path, data }`. */
export function folderOf(entries) {
  const folder = join(newFolder(), "pictures");
  for (const { path, data } of entries) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, data);
  }
  return folder;
}

/** Drops files or folders of this machine on the page, as a user does. */
export async function drop(page, paths) {
  const session = await page.context().newCDPSession(page);
  const zone = await page.locator("#drop-zone").boundingBox();
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: zone.x + 20, y: zone.y + 20, data });
  }
  await session.detach();
}

/** Clicks, and saves what is downloaded under this name. */
export async function download(page, selector, name) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const path = join(newFolder(), name);
  await file.saveAs(path);
  return path;
}
