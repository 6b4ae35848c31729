import { aborted } from "./errors.js";
import { checkImages, given } from "./images.js";
import { watchOf, type EvaluateRequest } from "./protocol.js";
import { abortable, startJob } from "./start.js";
import type { Accuracy, Distilled, EvaluateOptions, LabelledImages } from "./types.js";

/** Trains small networks on a set and tests them on held-out real images: what the set is worth. */
export async function evaluate(trainOn: Distilled | LabelledImages, test: LabelledImages, options: EvaluateOptions = {}): Promise<Accuracy> {
  const { signal, protocol = "quick", repeats = 2, seed = 0, width, epochs, mostSteps, normalisation, invariance } = options;
  if (signal?.aborted) throw aborted(signal);
  checkImages(test);
  if (!("bytes" in trainOn)) checkImages(trainOn);
  const request: EvaluateRequest = {
    kind: "evaluate",
    trainOn: "bytes" in trainOn ? { file: trainOn.bytes.slice() } : { images: await given(trainOn, options.transfer) },
    test: await given(test, options.transfer),
    settings: {
      protocol,
      repeats,
      seed,
      ...(width !== undefined && { width }),
      ...(epochs !== undefined && { epochs }),
      ...(mostSteps !== undefined && { mostSteps }),
      ...(normalisation && { normalisation }),
      ...(invariance && { invariance }),
    },
    engine: options.engine ?? "auto",
    watch: watchOf(options),
  };
  const job = await startJob(request, { share: (done, total) => options.onProgress?.(done, total) }, options.worker);
  return abortable(job, signal);
}
