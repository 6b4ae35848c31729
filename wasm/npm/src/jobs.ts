/** The loops: what a worker does, or this thread where there is none. The WebAssembly has been started. */
import type { Control } from "./control.js";
import { attarError } from "./errors.js";
import { DistilledSet, DistillRun, EvaluationRun, ImageSet, type LossPoint as UnitLosses, type Unit, Watch } from "./glue/attar.js";
import type { DistilledData, DistillRequest, EvaluateRequest, Outcome, Request, Sink } from "./protocol.js";
import type { Accuracy, LabelledImages, LossPoint, Progress } from "./types.js";

/** Shortest time between two reports of progress that tell no losses, in ms. */
const REPORT_EVERY = 100;
/** How often a run on WebGPU is copied to the host, in case the device is lost, if nobody asks for checkpoints. */
const COPY_EVERY = 5000;

export async function runJob<R extends Request>(request: R, control: Control, sink: Sink): Promise<Outcome<R>> {
  let watch: Watch | undefined;
  try {
    await control.pass();
    watch = new Watch(request.watch.log, request.watch.profile);
    const outcome = request.kind === "distill" ? await distillJob(request, control, sink) : await evaluateJob(request, control, sink);
    return outcome as Outcome<R>;
  } finally {
    watch?.free();
    control.close();
  }
}

function imageSet(images: LabelledImages): ImageSet {
  return new ImageSet(images.classes, images.channels, images.height, images.width, images.pixels, images.labels);
}

/** The set as plain data; frees it. */
export function dataOf(set: DistilledSet, withBytes: boolean): DistilledData {
  try {
    const soft = set.soft();
    const data: DistilledData = { ...set.header(), pixels: set.pixels(), labels: set.labels() };
    if (soft) data.soft = soft;
    if (withBytes) data.bytes = set.bytes();
    return data;
  } finally {
    set.free();
  }
}

async function distillJob(request: DistillRequest, control: Control, sink: Sink): Promise<DistilledData> {
  const { images, recipe, engine, checkpoint, pool } = request;
  const run = await DistillRun.start(imageSet(images), recipe, engine, checkpoint, pool);
  // The run has its own copy, and this thread may keep the request for hours.
  request.images = { ...images, pixels: new Uint8Array(0) };
  try {
    await new Distilling(run, request, control, sink).work();
    return dataOf(await run.finish(), true);
  } catch (thrown) {
    const error = attarError(thrown);
    if (error.code === "non-finite") Object.assign(error, { kept: await rest(run) });
    throw error;
  } finally {
    run.free();
  }
}

/** What there is to keep of a run that has diverged. */
async function rest(run: DistillRun): Promise<DistilledData | undefined> {
  return run.finish().then((set) => dataOf(set, true), () => undefined);
}

/** A distillation's loop with its clocks. */
class Distilling {
  readonly #start = performance.now();
  readonly #checkpointEvery: number | undefined;
  #shown = -Infinity;
  /** Whether the images are others than at the last preview. */
  #changed = false;
  #reported = -Infinity;
  #saved = performance.now();
  #units = 0;
  /** What the losses are called. */
  readonly #names: string[];
  #losses: LossPoint | undefined;
  /** Work done, and the second, when distilling or choosing began. */
  #begun: { phase: Unit["phase"]; done: number; seconds: number } | undefined;

  constructor(
    private readonly run: DistillRun,
    private readonly request: DistillRequest,
    private readonly control: Control,
    private readonly sink: Sink,
  ) {
    this.#names = run.lossNames();
    const { checkpointEvery } = request;
    this.#checkpointEvery = checkpointEvery ?? (run.engine().name === "webgpu" ? COPY_EVERY : undefined);
  }

  async work(): Promise<void> {
    await this.#preview();
    // The first update is shown at once, however soon it comes.
    this.#shown = -Infinity;
    while (await this.control.pass(() => this.run.checkpoint())) {
      const unit = await this.run.advance();
      if (!unit) break;
      this.#units += 1;
      this.#report(unit);
      this.#changed ||= unit.updated || unit.moved;
      if (this.#changed) await this.#preview();
      if (this.request.timeBudget !== undefined && unit.losses && this.#seconds() >= this.request.timeBudget) this.run.stop();
      await this.#checkpoint();
    }
  }

  #seconds(): number {
    return (performance.now() - this.#start - this.control.idle) / 1000;
  }

  #report(unit: Unit): void {
    const now = performance.now();
    if (unit.losses) this.#losses = named(unit.losses, this.#names);
    if (!unit.losses && !unit.moved && now - this.#reported < REPORT_EVERY) return;
    this.#reported = now;
    const seconds = this.#seconds();
    const progress: Progress = {
      phase: unit.phase,
      done: unit.done,
      total: unit.total,
      seconds,
      unitsPerSecond: this.#units / seconds,
      memory: this.run.memory(),
      engine: this.run.engine(),
    };
    if (unit.pool) progress.pool = unit.pool;
    if (this.#losses) progress.losses = this.#losses;
    const remaining = this.#remaining(unit, seconds);
    if (remaining !== undefined) progress.remaining = remaining;
    this.sink.progress?.(progress);
  }

  #remaining(unit: Unit, seconds: number): number | undefined {
    const estimates: number[] = [];
    // The choice comes after the time that was given.
    if (this.request.timeBudget !== undefined && unit.phase !== "choose") estimates.push(Math.max(0, this.request.timeBudget - seconds));
    if (unit.phase !== "pool") {
      if (this.#begun?.phase !== unit.phase) this.#begun = { phase: unit.phase, done: unit.done, seconds };
      const done = unit.done - this.#begun.done;
      if (done > 0) estimates.push(((seconds - this.#begun.seconds) / done) * (unit.total - unit.done));
    }
    return estimates.length > 0 ? Math.min(...estimates) : undefined;
  }

  async #preview(): Promise<void> {
    const { previewEvery } = this.request;
    if (previewEvery === undefined || performance.now() - this.#shown < previewEvery) return;
    this.sink.preview?.(dataOf(await this.run.preview(), false));
    this.#shown = performance.now();
    this.#changed = false;
  }

  async #checkpoint(): Promise<void> {
    if (this.#checkpointEvery === undefined || performance.now() - this.#saved < this.#checkpointEvery) return;
    const bytes = await this.run.checkpoint();
    if (this.request.checkpointEvery !== undefined) this.sink.checkpoint?.(bytes);
    this.#saved = performance.now();
  }
}

function named({ unit, values }: UnitLosses, names: string[]): LossPoint {
  return { unit, values: Object.fromEntries(names.map((name, at) => [name, values[at]!])) };
}

async function evaluateJob(request: EvaluateRequest, control: Control, sink: Sink): Promise<Accuracy> {
  const { trainOn, settings, engine } = request;
  const test = imageSet(request.test);
  const run =
    "file" in trainOn
      ? await EvaluationRun.onDistilled(trainOn.file, test, settings, engine)
      : await EvaluationRun.onReal(imageSet(trainOn.images), test, settings, engine);
  try {
    let reported = -Infinity;
    while (await control.pass()) {
      const share = await run.advance();
      if (!share) break;
      if (performance.now() - reported >= REPORT_EVERY || share.done === share.total) {
        reported = performance.now();
        sink.share?.(share.done, share.total);
      }
    }
    return { ...run.outcome(), engine: run.engine() };
  } finally {
    run.free();
  }
}
