import assert from "node:assert/strict";
import test from "node:test";

import { distill, evaluate } from "attar";

import { quick, stripes } from "./images.mjs";

const images = stripes();
const METHODS = ["error", "warn", "info", "debug"];

/** What `work` writes to the console, as `[method, line]`. */
async function written(work) {
  const lines = [];
  const own = METHODS.map((method) => console[method]);
  METHODS.forEach((method) => (console[method] = (line) => lines.push([method, line])));
  try {
    await work();
  } finally {
    METHODS.forEach((method, at) => (console[method] = own[at]));
  }
  return lines;
}

/** The spans that `work` makes, in the order in which they end. */
async function spans(work) {
  const seen = [];
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()));
  observer.observe({ type: "measure" });
  await work();
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  return seen.map(({ name, startTime, duration }) => ({ name, start: startTime, end: startTime + duration }));
}

test("nothing is written and measured unless asked for", async () => {
  const work = () => distill(images, quick).result;
  assert.deepEqual(await written(work), []);
  assert.deepEqual(await spans(work), []);
});

test("each level writes its events and graver ones", async () => {
  const at = (log) => written(() => distill(images, { ...quick, log }).result);
  assert.deepEqual(await at("warn"), []);
  const [begun, ...others] = await at("info");
  assert.deepEqual(others, []);
  assert.equal(begun[0], "info");
  assert.match(begun[1], /^attar: begun on cpu reason="There is no WebGPU here\."$/);
  const lines = await at("debug");
  assert.deepEqual(lines[0], begun);
  assert.ok(lines.slice(1).every(([method]) => method === "debug"));
  const of = (pattern) => lines.filter(([, line]) => pattern.test(line)).length;
  assert.equal(of(/^attar: distill unit done=\d+ total=3 losses=.+ ms=[\d.]+$/), 3, "the units that end an iteration");
  assert.equal(of(/^attar::pool: pool member=0 step=\d+ loss=[\d.]+$/), 2, "the epochs of the pool");
});

test("units and the programs inside them are spans", async () => {
  const seen = await spans(() => distill(images, { ...quick, profile: true }).result);
  const units = seen.filter(({ name }) => /^attar: (pool|distill) unit$/.test(name));
  const programs = seen.filter(({ name }) => /^attar: \w+(\.\w+)+$/.test(name));
  assert.ok(units.filter(({ name }) => name === "attar: distill unit").length >= 3);
  assert.ok(programs.some(({ name }) => name === "attar: ncfm.match"), [...new Set(programs.map(({ name }) => name))].join());
  assert.ok(programs.some(({ name }) => name.startsWith("attar: pool.training.")));
  assert.ok(seen.every(({ start, end }) => end >= start));
  const inside = (program) => units.some(({ start, end }) => start <= program.start && program.end <= end);
  const matches = programs.filter(({ name }) => name === "attar: ncfm.match");
  assert.ok(matches.every(inside));
  assert.deepEqual(performance.getEntriesByType("measure"), [], "they take no memory");
});

test("an evaluation can be watched, too", async () => {
  const settings = { repeats: 1, epochs: 1, width: 4, mostSteps: 3 };
  let seen = [];
  const lines = await written(async () => {
    seen = await spans(() => evaluate(images, images, { ...settings, log: "debug", profile: true }));
  });
  assert.ok(lines.some(([, line]) => /^attar: evaluation unit done=\d+ total=\d+ ms=/.test(line)));
  assert.ok(seen.some(({ name }) => name === "attar: evaluation unit"));
});

test("of jobs in one thread the keenest counts, for as long as it goes on", async () => {
  const long = distill(images, { ...quick, iterations: 100_000 });
  for await (const _ of long) break;
  const during = await written(() => distill(images, { ...quick, log: "debug" }).result);
  assert.ok(during.some(([, line]) => line.includes("total=100000")), "events do not tell whose they are");
  const seen = long[Symbol.asyncIterator]();
  const after = await written(async () => {
    for (let at = 0; at < 3; at++) await seen.next();
  });
  assert.deepEqual(after, []);
  long.finish();
  await long.result;
});

test("being watched changes no byte", async () => {
  let watched;
  await written(async () => (watched = await distill(images, { ...quick, log: "debug", profile: true }).result));
  assert.deepEqual(watched.bytes, (await distill(images, quick).result).bytes);
});
