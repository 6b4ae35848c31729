/** Takes the place of `host.ts` in `attar/inlined`: everything is inside the module, so that nothing is fetched. */
import { workerOf } from "./blob-worker.js";
// The build replaces these two imports by the worker's source, and by the WebAssembly, gzipped, in base64.
import workerSource from "inlined:worker";
import packed from "inlined:wasm";

export async function compile(): Promise<WebAssembly.Module> {
  const letters = atob(packed);
  // A loop, since `Uint8Array.from` with a function takes ten times as long, and holds up the page meanwhile.
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
}

export function spawn(): Worker {
  return workerOf(workerSource);
}
