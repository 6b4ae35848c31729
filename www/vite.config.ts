import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { offline } from "./build/offline.ts";
import { policy } from "./build/policy.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // Relative, so that the built folder works under any path.
  base: "./",
  plugins: [policy(), offline(here("public"))],
  build: {
    target: "es2022",
    // The polyfill would use fetch, which the policy forbids; browsers with WebGPU or WebAssembly SIMD need none.
    modulePreload: { polyfill: false },
    // WebAssembly and the sample are modules on purpose.
    chunkSizeWarningLimit: 2500,
    rolldownOptions: {
      input: {
        index: here("index.html"),
        share: here("share.html"),
        privacy: here("privacy.html"),
        sw: here("sw/sw.ts"),
      },
      output: {
        // A service worker's scope is its own folder, so it lies beside the pages.
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
