// What a program in TypeScript does with the package; `package.test.mjs` has it checked, not run.

import { distill, evaluate, type Distilled, type LabelledImages, type PartialRecipe } from "attar";
import { readDistilled } from "attar/inlined";
import "attar/worker";

export async function use(images: LabelledImages, test: LabelledImages): Promise<Distilled> {
  const recipe: PartialRecipe = { method: { sampling: "normal" }, pool: { networks: 1 } };
  const run = distill(images, { recipe, signal: AbortSignal.timeout(1000), log: "info", onPreview: ({ pixels }) => void pixels.length });
  for await (const { phase, losses } of run) if (phase === "distill" && losses) losses.values["matching"]?.toFixed(2);
  const set = await run.result;
  const { mean } = await evaluate(set, test, { repeats: 2, profile: true });
  return mean > 0.5 ? set : readDistilled(set.bytes);
}

// @ts-expect-error: a name is no images.
distill("images");
