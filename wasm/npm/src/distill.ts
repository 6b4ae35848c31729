import { core } from "./core.js";
import { decode } from "./decode.js";
import { distilledOf } from "./distilled.js";
import { aborted, attempt, AttarError, attarError } from "./errors.js";
import { checkImages, given, isLabelled } from "./images.js";
import { watchOf, type DistillRequest, type JobControl, type Sink } from "./protocol.js";
import { abortable, JobError, startJob } from "./start.js";
import type { Distilled, DistillOptions, ImageFiles, LabelledImages, MethodInfo, PartialRecipe, Progress, Recipe, Run } from "./types.js";

const PREVIEW_EVERY = 500;
const CHECKPOINT_EVERY = 10_000;
const DECODED_SIZE = 64;

/** Distils images. The run begins at once; what it gives is a promise (`result`) and an iterable of its progress. */
export function distill(images: LabelledImages | ImageFiles, options: DistillOptions = {}): Run {
  return new Running(images, options);
}

/**
 * The recipe that `distill` uses for these images, `changes` merged over it.
 *
 * Of the method's recipe for laptops it changes: the pool of networks is trained alongside, so that images move at
 * once; batches are as large as leaves one unit of work well under a second on a CPU (256 real images up to 47 pixels, 32
 * from 112 on), and a small set's pool is trained for more epochs; images per class are, unless given, a quarter of the
 * smallest class and at most 10. The method is the one that `changes` names, `{ method: { name: "dm" } }`, else NCFM.
 */
export async function suitedRecipe(images: LabelledImages, imagesPerClass?: number, changes?: PartialRecipe): Promise<Recipe> {
  checkImages(images);
  const wasm = await core();
  return attempt(() => wasm.suitedRecipe(images.classes.length, images.labels, images.height, images.width, imagesPerClass, changes));
}

/** Every method there is, the default one first. */
export async function methods(): Promise<MethodInfo[]> {
  const wasm = await core();
  return attempt(() => wasm.methods());
}

class Running implements Run {
  readonly result: Promise<Distilled>;
  readonly #control: Promise<JobControl>;
  readonly #watchers = new Set<Watcher>();
  #latest: Progress | undefined;
  #ended: { error?: AttarError } | undefined;

  constructor(images: LabelledImages | ImageFiles, options: DistillOptions) {
    const job = this.#start(images, options);
    this.#control = job.then(({ control }) => control);
    this.result = job
      .then((job) => abortable(job, options.signal))
      .then(distilledOf)
      .catch(finalError);
    const settle = (error?: AttarError): void => {
      this.#ended = error ? { error } : {};
      this.#watchers.forEach((watcher) => watcher.wake());
    };
    // Whoever only iterates is told of an error there; it is not "unhandled".
    this.result.then(() => settle(), (error: unknown) => settle(attarError(error)));
    this.#control.catch(() => undefined);
  }

  async #start(images: LabelledImages | ImageFiles, options: DistillOptions) {
    const request = await requestOf(images, options);
    if (options.signal?.aborted) throw aborted(options.signal);
    const sink: Sink = { progress: (progress) => this.#show(progress) };
    if (options.onPreview) sink.preview = (data) => void distilledOf(data).then((preview) => options.onPreview?.(preview));
    if (options.onCheckpoint) sink.checkpoint = (bytes) => options.onCheckpoint?.(bytes);
    return startJob(request, sink, options.worker);
  }

  #show(progress: Progress): void {
    this.#latest = progress;
    this.#watchers.forEach((watcher) => watcher.add(progress));
  }

  pause(): void {
    this.#order((control) => control.pause());
  }
  resume(): void {
    this.#order((control) => control.resume());
  }
  finish(): void {
    this.#order((control) => control.finish());
  }
  #order(give: (control: JobControl) => void): void {
    // A run that could not begin says so by its result.
    this.#control.then(give, () => undefined);
  }

  async checkpoint(): Promise<Uint8Array> {
    const bytes = await (await this.#control).checkpoint();
    if (!bytes) throw new AttarError("aborted", "the run has ended: take a checkpoint while it is going on");
    return bytes;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Progress> {
    const watcher = new Watcher();
    if (this.#latest) watcher.add(this.#latest);
    this.#watchers.add(watcher);
    try {
      for (;;) {
        const progress = watcher.take();
        if (progress) yield progress;
        else if (this.#ended?.error) throw this.#ended.error;
        else if (this.#ended) return;
        else await watcher.news();
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }
}

/** What one loop over a run has not seen yet. */
class Watcher {
  #queue: Progress[] = [];
  #wake: (() => void) | undefined;

  /** A loop that is slow sees every iteration's losses, but not every unit between them. */
  add(progress: Progress): void {
    const last = this.#queue.at(-1);
    if (last && last.losses?.unit === progress.losses?.unit) this.#queue.pop();
    this.#queue.push(progress);
    this.wake();
  }
  take(): Progress | undefined {
    return this.#queue.shift();
  }
  news(): Promise<void> {
    return new Promise((wake) => (this.#wake = wake));
  }
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

async function requestOf(images: LabelledImages | ImageFiles, options: DistillOptions): Promise<DistillRequest> {
  const { signal } = options;
  if (signal?.aborted) throw aborted(signal);
  const own = !isLabelled(images);
  const set = own ? await decode(images, { size: options.size ?? DECODED_SIZE, ...(signal && { signal }) }) : images;
  checkImages(set);
  const recipe = await suitedRecipe(set, options.imagesPerClass, await changes(options));
  const request: DistillRequest = {
    kind: "distill",
    images: await given(set, own || options.transfer),
    recipe,
    engine: options.engine ?? "auto",
    watch: watchOf(options),
  };
  if (options.checkpoint) request.checkpoint = options.checkpoint.slice();
  if (options.pool) request.pool = options.pool.slice();
  if (options.timeBudget !== undefined) request.timeBudget = options.timeBudget;
  if (options.onPreview) request.previewEvery = options.previewEvery ?? PREVIEW_EVERY;
  if (options.onCheckpoint) request.checkpointEvery = options.checkpointEvery ?? CHECKPOINT_EVERY;
  return request;
}

/** The options that are keys of the recipe win over the recipe. */
async function changes({ recipe = {}, iterations, seed, imagesPerClass }: DistillOptions): Promise<PartialRecipe> {
  const changes: PartialRecipe = { ...recipe };
  if (iterations !== undefined) changes.iterations = iterations;
  changes.seed = seed ?? recipe.seed ?? (await drawnSeed());
  if (imagesPerClass !== undefined) changes.images_per_class = imagesPerClass;
  return changes;
}

async function drawnSeed(): Promise<number> {
  const wasm = await core();
  return attempt(() => wasm.drawSeed());
}

/** What a diverged run kept becomes a distilled set. */
async function finalError(thrown: unknown): Promise<never> {
  const error = attarError(thrown);
  const data = error instanceof JobError ? error.keptData : (error.kept as ConstructorParameters<typeof JobError>[2]);
  if (!data) throw error;
  const whole = new AttarError(error.code, error.message, { cause: error.cause });
  whole.kept = await distilledOf(data);
  throw whole;
}
