// Runs the tests of this crate, and prints what libtest would: node run.mjs FILE.wasm [name]
// Or measures: node run.mjs FILE.wasm --bench
import { readFile } from "node:fs/promises";

const [file, filter = ""] = process.argv.slice(2);
const module = await WebAssembly.compile(await readFile(file));

/** A fresh instance, and what it says. */
function start() {
  const said = [];
  const host = {
    say: (text, length) => said.push(new TextDecoder().decode(new Uint8Array(memory.buffer, text, length))),
    now: () => performance.now() / 1000,
  };
  const { exports } = new WebAssembly.Instance(module, { host });
  const memory = exports.memory;
  return { exports, said };
}

function names() {
  const { exports, said } = start();
  const count = exports.count();
  for (let index = 0; index < count; index++) exports.name(index);
  return said;
}

/** What a test said before it trapped; nothing if it did not. */
function failure(index) {
  // After a trap an instance's memory may hold anything, so each test has one of its own.
  const { exports, said } = start();
  try {
    exports.run(index);
    return undefined;
  } catch (trap) {
    return [...said, trap.stack].join("\n");
  }
}

function test() {
  const begin = performance.now();
  const all = names();
  const chosen = [...all.keys()].filter((index) => all[index].includes(filter));
  console.log(`\nrunning ${chosen.length} tests`);
  const failures = [];
  for (const index of chosen) {
    const why = failure(index);
    console.log(`test ${all[index]} ... ${why === undefined ? "ok" : "FAILED"}`);
    if (why !== undefined) failures.push(`---- ${all[index]} ----\n${why}\n`);
  }
  failures.forEach((failure) => console.log(`\n${failure}`));
  const verdict = failures.length === 0 ? "ok" : "FAILED";
  const counts = [
    `${chosen.length - failures.length} passed`,
    `${failures.length} failed`,
    "0 ignored",
    "0 measured",
    `${all.length - chosen.length} filtered out`,
    `finished in ${((performance.now() - begin) / 1000).toFixed(2)}s`,
  ];
  console.log(`\ntest result: ${verdict}. ${counts.join("; ")}\n`);
  process.exitCode = failures.length === 0 ? 0 : 101;
}

function bench() {
  const { exports, said } = start();
  try {
    exports.bench(128, 64);
  } finally {
    said.forEach((line) => console.log(line));
  }
}

if (filter === "--bench") bench();
else test();
