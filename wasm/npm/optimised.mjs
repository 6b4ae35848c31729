// What becomes of the compiler's WebAssembly before a page downloads it, and how large that is.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzipSync } from "node:zlib";

// What every browser with WebAssembly SIMD has, and the compiler makes use of.
const FEATURES = ["simd", "bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"];
// gzip finds more in common among functions that stand beside their like, and that are not inlined. The list of features
// is for linkers.
const PASSES = [
  "-O3",
  "--converge",
  "--one-caller-inline-max-function-size=0",
  "--reorder-functions-by-name",
  "--strip-target-features",
];

/** Runs wasm-opt, which takes minutes. */
export async function optimise(from, to) {
  const binaryen = fileURLToPath(new URL("node_modules/binaryen/bin/wasm-opt", import.meta.url));
  const features = FEATURES.map((feature) => `--enable-${feature}`);
  await promisify(execFile)(process.execPath, [binaryen, from, ...features, ...PASSES, "-o", to]);
}

/** As servers send it. */
export const gzipped = async (file) => gzipSync(await readFile(file), { level: constants.Z_BEST_COMPRESSION });

/** Bytes in units of 1000, rounded up. */
export const kilobytes = (bytes) => Math.ceil(bytes / 1000);
