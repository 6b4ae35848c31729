// A run in progress: the engine's run, kept in the browser's storage as it goes on.

import { AttarError, distill, type Distilled, type LabelledImages, type Progress, type Run } from "attar/inlined";
import { isAbort } from "./messages.ts";
import { options } from "./settings.ts";
import type { SavedRun, Store } from "./store.ts";

/** What a run starts from. */
export interface Start {
  saved: SavedRun;
  train: LabelledImages;
  checkpoint: Uint8Array | undefined;
}

export interface Listener {
  onProgress(progress: Progress): void;
  onPreview(images: Distilled): void;
  /** The run can no longer be kept; it goes on. */
  onUnsaved(error: unknown): void;
}

export type Outcome =
  | { kind: "finished"; set: Distilled; saved: SavedRun }
  | { kind: "cancelled" }
  | { kind: "failed"; error: unknown };

/** Least seconds that a run gets that goes on from a checkpoint at the end of its budget. */
const LEAST_BUDGET = 1;
/** How long cancelling waits for a last checkpoint, in milliseconds. */
const PATIENCE = 3000;

export class ActiveRun {
  readonly outcome: Promise<Outcome>;
  readonly #run: Run;
  readonly #abort = new AbortController();
  readonly #store: Store | undefined;
  readonly #listener: Listener;
  #saved: SavedRun;
  #saving: Promise<void> = Promise.resolve();
  /** Whether there has been any progress. */
  #begun = false;

  constructor(start: Start, store: Store | undefined, listener: Listener) {
    this.#saved = start.saved;
    this.#store = store;
    this.#listener = listener;
    const { settings, reached } = start.saved;
    const before = start.checkpoint ? reached.seconds : 0;
    this.#run = distill(start.train, {
      ...options(settings, start.train),
      timeBudget: Math.max(LEAST_BUDGET, settings.budget - before),
      signal: this.#abort.signal,
      onPreview: (images) => listener.onPreview(images),
      onCheckpoint: (bytes) => this.#keep(bytes),
      ...(start.checkpoint ? { checkpoint: start.checkpoint } : {}),
    });
    this.outcome = this.#follow(before);
  }

  pause(): void {
    this.#run.pause();
    void this.save();
  }

  resume(): void {
    this.#run.resume();
  }

  /** Ends the run with what it has. */
  finish(): void {
    this.#run.finish();
  }

  /** Ends the run without a result. What it reached is kept first, if it has begun, so that it can be taken up again. */
  async cancel(): Promise<void> {
    if (this.#begun) {
      await Promise.race([this.save(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    }
    this.#abort.abort();
  }

  /** Keeps a checkpoint now: before a pause, or when the tab goes to the background, where it may be ended. */
  async save(): Promise<void> {
    try {
      this.#keep(await this.#run.checkpoint());
    } catch (error) {
      // A run that has just ended has no checkpoint to give; its outcome says why.
      if (!isAbort(error)) {
        return;
      }
    }
  }

  async #follow(before: number): Promise<Outcome> {
    try {
      for await (const progress of this.#run) {
        this.#begun = true;
        const whole = { ...progress, seconds: progress.seconds + before };
        this.#saved = { ...this.#saved, reached: { fraction: reached(whole, this.#saved), seconds: whole.seconds } };
        this.#listener.onProgress(whole);
      }
      return await this.#finished(await this.#run.result);
    } catch (error) {
      if (error instanceof AttarError && error.kept) {
        this.#saved = { ...this.#saved, diverged: true };
        return this.#finished(error.kept);
      }
      await this.#saving;
      return this.#abort.signal.aborted || isAbort(error) ? { kind: "cancelled" } : { kind: "failed", error };
    }
  }

  async #finished(set: Distilled): Promise<Outcome> {
    await this.#saving;
    const saved = this.#saved;
    await this.#store?.finish(saved, set.bytes).catch((error: unknown) => this.#listener.onUnsaved(error));
    return { kind: "finished", set, saved };
  }

  /** Stores checkpoints one after another, so that an older one never overwrites a newer. */
  #keep(bytes: Uint8Array): void {
    const { saved, store } = { saved: this.#saved, store: this.#store };
    if (store) {
      this.#saving = this.#saving
        .then(() => store.checkpoint(saved, bytes))
        .catch((error: unknown) => this.#listener.onUnsaved(error));
    }
  }
}

/** How much of a run is done: of its time or of its iterations, whichever is nearer to the end. */
export function reached(progress: Progress, { settings }: SavedRun): number {
  if (progress.phase === "choose") return 1;
  const iterations = progress.phase === "distill" ? progress.done / Math.max(1, progress.total) : 0;
  return Math.min(1, Math.max(iterations, progress.seconds / settings.budget));
}
