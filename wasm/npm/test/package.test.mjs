import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, readFile, writeFile, mkdtemp, rm, mkdir, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

import { build } from "esbuild";

import { distill } from "attar/inlined";

import { quick, stripes } from "./images.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => readFile(join(root, path), "utf8");

test("the package holds what it should and no more", () => {
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" }));
  const paths = files.map(({ path }) => path).sort();
  const fixed = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "dist/attar_bg.wasm", "dist/index.js", "dist/inlined.js", "dist/shared.js", "dist/worker.js", "package.json"];
  assert.deepEqual(paths.filter((path) => !/^dist\/types\/[\w/-]+\.d\.ts$/.test(path)), fixed);
  assert.ok(paths.includes("dist/types/index.d.ts") && paths.includes("dist/types/glue/attar.d.ts"));
});

test("what package.json promises is there", async () => {
  const { exports, dependencies, engines, sideEffects, type, version } = JSON.parse(await read("package.json"));
  assert.equal(dependencies, undefined);
  assert.equal(type, "module");
  assert.deepEqual(sideEffects, [exports["./worker"].default], "a bundler may drop all but the worker");
  assert.equal(engines.node, ">=20");
  const entries = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? entry : Object.values(entry)));
  for (const path of entries) await read(path);
  for (const entry of Object.values(exports)) if (typeof entry === "object") assert.equal(Object.keys(entry)[0], "types");
  assert.match(await read("../../Cargo.toml"), new RegExp(`\\[workspace.package\\]\\nversion = "${version}"`));
});

test("importing touches nothing that a server lacks", async () => {
  // What the language and every server runtime have; nothing of a browser.
  const globals = { TextDecoder, TextEncoder, URL, WebAssembly };
  for (const entry of ["index.js", "inlined.js"]) {
    // Modules cannot be run in a context without a flag of Node's: as a function.
    const options = { bundle: true, format: "iife", write: false, logLevel: "error", define: { "import.meta": "{}" } };
    const { outputFiles } = await build({ ...options, entryPoints: [join(root, "dist", entry)] });
    vm.runInContext(outputFiles[0].text, vm.createContext({ ...globals }));
  }
});

test("the README tells the sizes as they are", async () => {
  const readme = await read("README.md");
  const sizes = JSON.parse(await read("sizes.json"));
  for (const [file, size] of Object.entries(sizes)) {
    const [, told] = readme.match(new RegExp(`\`${file}\`[^|]*\\| (\\d+) kB`)) ?? [];
    assert.ok(Math.abs(Number(told) - size) <= 0.03 * size, `${file}: the README says ${told} kB, but it is ${size} kB`);
  }
});

test("the README's example runs", async () => {
  const [, example] = (await read("README.md")).match(/```js\n([\s\S]*?)```/);
  assert.ok(example.trim().split("\n").length <= 12, "short enough to be read at a glance");
  const folder = await mkdtemp(join(tmpdir(), "attar-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules/attar"));
    await writeFile(join(folder, "example.mjs"), example);
    const output = execFileSync("node", ["example.mjs"], { cwd: folder, encoding: "utf8" });
    assert.match(output, /^distill \d+ of \d+/m);
    const set = await readFile(join(folder, "mine.attar"));
    assert.equal(set.toString("latin1", 0, 6), "ATTAR\0");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a program in TypeScript finds the types, by a bundler's rules and by Node's", async () => {
  const folder = await mkdtemp(join(tmpdir(), "attar-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules/attar"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await copyFile(join(root, "test/consumer.ts"), join(folder, "consumer.ts"));
    for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
      const compilerOptions = { noEmit: true, strict: true, target: "es2022", lib: ["es2024", "dom", "dom.asynciterable"], types: [], module, moduleResolution };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
      execFileSync(join(root, "node_modules/.bin/tsc"), { cwd: folder, encoding: "utf8" });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the inlined entry works without a file", async () => {
  const { pixels } = await distill(stripes(), { ...quick, iterations: 1 }).result;
  assert.equal(pixels.length, 6 * 16 * 16);
});
