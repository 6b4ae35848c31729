/** Where the WebAssembly and the worker come from: files beside this one. `host-inlined.ts` takes its place in `attar/inlined`. */
import { workerOf } from "./blob-worker.js";
import { AttarError } from "./errors.js";

/** Compiles the WebAssembly, off this thread. */
export async function compile(): Promise<WebAssembly.Module> {
  const url = new URL("./attar_bg.wasm", import.meta.url);
  if (url.protocol === "file:") return WebAssembly.compile(await readFile(url));
  const response = await fetch(url).catch((cause: unknown) => {
    throw new AttarError("unsupported", `${url} could not be fetched: serve it beside the module, or use attar/inlined`, { cause });
  });
  if (!response.ok) {
    throw new AttarError("unsupported", `${url} was answered by ${response.status}: serve it beside the module, or use attar/inlined`);
  }
  // A server that does not know the type of .wasm files is not worth an error.
  const typed = response.headers.get("content-type")?.startsWith("application/wasm") ?? false;
  return typed ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/** Node's fetch knows no files. */
async function readFile(url: URL): Promise<BufferSource> {
  // Nothing that a minifier makes a literal of, so that bundlers for the browser do not look for it.
  const module = ["node:fs", "promises"].join("/");
  const fs = (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as typeof import("node:fs/promises");
  return new Uint8Array(await fs.readFile(url));
}

/** A new module worker. */
export function spawn(): Worker {
  try {
    return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  } catch {
    // A page may not start another origin's script (a CDN's) as a worker, but its own may import it. The name is not a
    // literal here, lest bundlers take it for a second file.
    const name = "./worker.js";
    return workerOf(`import ${JSON.stringify(new URL(name, import.meta.url).href)};`);
  }
}
