// The content security policy of every page: nothing may be loaded but the page's own files, and nothing may be sent.

import type { Plugin } from "vite";

/** `wasm-unsafe-eval` allows WebAssembly, not `eval`. Workers are made from a blob of the page's own code. */
export const POLICY = [
  "default-src 'none'",
  "connect-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Writes the policy into each page, before anything that it could stop. Only in the build: Vite's own server talks. */
export function policy(): Plugin {
  return {
    name: "attar-policy",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      // As it is, not through Vite, which would write its quotes as entities: this line is meant to be read.
      handler: (html) =>
        html
          .replace("<head>", `<head>\n    <meta http-equiv="Content-Security-Policy" content="${POLICY}" />`)
          .replace("%POLICY%", POLICY),
    },
  };
}
