// Holds a page to the rules of axe-core.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No finding at all in this state of the page, in light and in dark. */
export async function accessible(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // Evaluated by the debugger, which the page's policy does not bind.
    await page.evaluate(source);
    // All rules once; in the dark, only those that colours matter to.
    const rules = colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {};
    const findings = await page.evaluate(async (options) => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"], ...options });
      return violations.map(
        ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`,
      );
    }, rules);
    assert.deepEqual(findings, [], `axe on ${name}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
}
