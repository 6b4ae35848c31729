/** The WebAssembly in this thread. */
import { compile } from "./host.js";
import { AttarError } from "./errors.js";
import init, * as glue from "./glue/attar.js";

let compiled: Promise<WebAssembly.Module> | undefined;
let started: Promise<typeof glue> | undefined;

/** The compiled module; workers get it by message. */
export function wasmModule(): Promise<WebAssembly.Module> {
  return (compiled ??= compile().catch((error: unknown) => {
    // What failed to load may be there at the next attempt.
    compiled = undefined;
    if (error instanceof AttarError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new AttarError("unsupported", `the WebAssembly cannot be used here (${why}): it needs SIMD and, under a content security policy, 'wasm-unsafe-eval'`, { cause: error });
  }));
}

/** What the module exports, started in this thread. */
export function core(): Promise<typeof glue> {
  return (started ??= start().catch((error: unknown) => {
    started = undefined;
    throw error;
  }));
}

async function start(): Promise<typeof glue> {
  await init({ module_or_path: await wasmModule() });
  return glue;
}
