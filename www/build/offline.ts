// Gives the service worker the list of all files of the built page, so that it works with the network off.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** The names that the worker's source declares and this plugin fills in. */
const WORKER = "sw.js";

export function offline(publicFolder: string): Plugin {
  return {
    name: "attar-offline",
    apply: "build",
    // After the plugin that writes the pages into the bundle.
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[WORKER];
        if (worker?.type !== "chunk") {
          this.error(`the bundle has no ${WORKER}`);
        }
        const hash = createHash("sha256");
        const files: string[] = [];
        const add = (name: string, content: string | Uint8Array): void => {
          files.push(name);
          hash.update(name).update(content);
        };
        for (const name of Object.keys(bundle).sort()) {
          const output = bundle[name];
          if (output && output !== worker) {
            add(name, output.type === "chunk" ? output.code : output.source);
          }
        }
        for (const name of readdirSync(publicFolder).sort()) {
          add(name, readFileSync(join(publicFolder, name)));
        }
        const version = hash.update(worker.code).digest("hex").slice(0, 16);
        worker.code = `const VERSION = ${JSON.stringify(version)};\nconst FILES = ${JSON.stringify(files)};\n${worker.code}`;
      },
    },
  };
}
