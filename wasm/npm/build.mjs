// Builds dist/ from src/, in which `cargo xtask web` has put glue/ (what wasm-bindgen made of the Rust crate).
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build } from "esbuild";

import { gzipped, kilobytes, optimise } from "./optimised.mjs";

const root = new URL("./", import.meta.url);
const at = (path) => fileURLToPath(new URL(path, root));
const run = promisify(execFile);

// What a page may download, in kB, gzipped. A little more than is built: functions are ordered by names that hold hashes of
// paths, so that the same program packs a few hundred bytes better or worse from folder to folder.
const BUDGETS = { "index.js": 440, "inlined.js": 455 };

const { version } = JSON.parse(await readFile(at("package.json"), "utf8"));

const made = { from: at("src/glue/attar_bg.wasm"), to: at("dist/attar_bg.wasm") };
const changed = async (file) => (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
const current = (await changed(made.to)) > (await changed(made.from));

for (const file of await readdir(at("dist")).catch(() => [])) {
  if (!current || file !== "attar_bg.wasm") await rm(at(`dist/${file}`), { recursive: true });
}
await mkdir(at("dist/types/glue"), { recursive: true });

if (!current) await optimise(made.from, made.to);

await run(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", at("tsconfig.json")]).catch((error) => {
  throw new Error(error.stdout);
});
// Nobody is handed these classes, whose `Symbol.dispose` not every program's `lib` knows.
const glue = await readFile(at("src/glue/attar.d.ts"), "utf8");
await writeFile(at("dist/types/glue/attar.d.ts"), glue.replaceAll(/^ *\[Symbol\.dispose\]\(\): void;\n/gm, ""));
for (const license of ["LICENSE-APACHE", "LICENSE-MIT"]) await cp(at(`../../${license}`), at(license));

const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  define: { PACKAGE_VERSION: JSON.stringify(version) },
};
// What page and worker have in common is a file of its own, so that a page downloads it once.
await build({
  ...common,
  entryPoints: [at("src/index.ts"), at("src/worker.ts")],
  outdir: at("dist"),
  splitting: true,
  chunkNames: "shared",
});
const worker = await build({ ...common, entryPoints: [at("src/worker.ts")], write: false });
const packed = await gzipped(at("dist/attar_bg.wasm"));
await build({
  ...common,
  entryPoints: [at("src/index.ts")],
  outfile: at("dist/inlined.js"),
  plugins: [inlined({ worker: worker.outputFiles[0].text, wasm: packed.toString("base64") })],
});

await writeSizes();

/** Puts `host-inlined.ts` in the place of `host.ts`, with its two virtual modules. */
function inlined(sources) {
  return {
    name: "inlined",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\/host\.js$/ }, () => ({ path: at("src/host-inlined.ts") }));
      onResolve({ filter: /^inlined:/ }, ({ path }) => ({ path: path.slice("inlined:".length), namespace: "inlined" }));
      onLoad({ filter: /.*/, namespace: "inlined" }, ({ path }) => ({ contents: sources[path], loader: "text" }));
    },
  };
}

/** Measures what a page downloads, in units of 1000 bytes, gzipped; refuses to be over budget. */
async function writeSizes() {
  const sizeOf = async (...files) => {
    const packed = await Promise.all(files.map((file) => gzipped(at(`dist/${file}`))));
    return kilobytes(packed.reduce((sum, file) => sum + file.length, 0));
  };
  const sizes = {
    "index.js": await sizeOf("index.js", "worker.js", "shared.js", "attar_bg.wasm"),
    "inlined.js": await sizeOf("inlined.js"),
    "attar_bg.wasm": await sizeOf("attar_bg.wasm"),
  };
  await writeFile(at("sizes.json"), `${JSON.stringify(sizes, undefined, 2)}\n`);
  for (const [entry, size] of Object.entries(sizes)) {
    const budget = BUDGETS[entry];
    console.log(`${entry}: ${size} kB gzipped${budget ? ` of at most ${budget}` : ""}`);
    if (size > budget) throw new Error(`${entry} is over its budget`);
  }
}
