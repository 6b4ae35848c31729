/** What the package's functions take and give. */
import type { EngineReport, EngineName as WasmEngineName, Losses, MethodInfo, Recipe } from "./glue/attar.js";

export type { EngineReport, Losses, MethodInfo, Recipe };
export type EngineName = `${WasmEngineName}`;

/** A labelled image set: `pixels` is [n, channels, height, width], bytes, planar, row-major. */
export interface LabelledImages {
  classes: string[];
  channels: 1 | 3;
  height: number;
  width: number;
  pixels: Uint8Array;
  /** One an image: the place of its class in `classes`. */
  labels: Uint32Array;
}

/** Blobs (files of any format the browser can decode) by class name. */
export type ImageFiles = Record<string, Blob[]>;

export interface DecodeOptions {
  /** Side in pixels that every image is resized and centre-cropped to. */
  size: number;
  /** With "auto", the default: 1 if all are grey, else 3. */
  channels?: "auto" | 1 | 3;
  signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
  /** Called for a file that cannot be decoded, or has more than 100 million pixels; it is left out. */
  onSkipped?(file: Blob, className: string, reason: string): void;
}

/** A module worker that serves `attar/worker`, a function that makes one, or `false` for none. */
export type WorkerChoice = Worker | (() => Worker) | false;

/** Any part of a recipe. A table whose `name` changes is given whole. */
export type PartialRecipe = DeepPartial<Recipe>;
type DeepPartial<T> = T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

/** Events of this level and graver ones; "debug" has every unit of work. */
export type LogLevel = "off" | "warn" | "info" | "debug";

/** What can be seen of the work as it goes on, in the thread that does it. Jobs that share a thread share what they ask for. */
export interface WatchOptions {
  /** What is written to the console. Default: "off". */
  log?: LogLevel;
  /**
   * Whether units of work and the programs in them are `performance.measure` spans, which browsers' profilers show:
   * `attar: distill unit`, `attar: ncfm.match`. Default: false, since they take time.
   */
  profile?: boolean;
}

export interface DistillOptions extends WatchOptions {
  /** Default: a quarter of the smallest class, at most 10. */
  imagesPerClass?: number;
  iterations?: number;
  /** An integer from 0 to 2^53. Default: drawn at random; the result tells it. */
  seed?: number;
  /** Seconds of work after which the run makes no more iterations, and chooses what it keeps of what it has. */
  timeBudget?: number;
  /** "auto", the default: WebGPU where there is an adapter that the run fits on, else CPU. */
  engine?: EngineName;
  /** Anything of the recipe, deep-merged over the defaults for these images: `{ network: { width: 64 } }`. */
  recipe?: PartialRecipe;
  /** Cancels within one unit of work; iteration and `result` fail with AttarError code "aborted". */
  signal?: AbortSignal;
  /**
   * Called with the images it starts from, at their first update, and then after others, at most every `previewEvery` ms
   * (default 500).
   */
  onPreview?(preview: Distilled): void;
  previewEvery?: number;
  /** A checkpoint to go on from (same images needed). */
  checkpoint?: Uint8Array;
  /** Called every `checkpointEvery` ms (default 10000) with bytes to keep. */
  onCheckpoint?(bytes: Uint8Array): void;
  checkpointEvery?: number;
  /** Bytes of a pool trained before (`attar pool`). */
  pool?: Uint8Array;
  /** Default: a new module worker; in this thread where there is no `Worker`, as in Node. `false`: in this thread. */
  worker?: WorkerChoice;
  /**
   * Hands `pixels` and `labels` over to the worker instead of copies: saves their memory, and leaves the caller's arrays, and
   * all others on the same buffers, empty.
   */
  transfer?: boolean;
  /** Of ImageFiles: see DecodeOptions. Default: 64. */
  size?: number;
}

/** The losses of an iteration, by what the method calls them. */
export interface LossPoint {
  /** The iteration, counted from 1. */
  unit: number;
  values: Record<string, number>;
}

export interface Progress {
  /** `choose`: judging, on training images that are held out, whether the images are better than what they started from. */
  phase: "pool" | "distill" | "choose";
  /** Batches of the pool, iterations, or batches of the choice. */
  done: number;
  total: number;
  /** Of a pool that is trained alongside. */
  pool?: { done: number; total: number };
  /** Of the last iteration. */
  losses?: LossPoint;
  /** Seconds of work so far (pauses left out), and still to go as far as can be told. */
  seconds: number;
  remaining?: number;
  unitsPerSecond: number;
  /** Bytes held by the engine. */
  memory: number;
  engine: EngineReport;
}

/** A run that has begun. Iterating over it shows its progress; leaving the loop does not end it. */
export interface Run extends AsyncIterable<Progress> {
  /** The distilled set, also of a run that its time budget or `finish` ended. */
  readonly result: Promise<Distilled>;
  pause(): void;
  resume(): void;
  /** Bytes to go on from, taken after the unit of work in progress; also while paused. */
  checkpoint(): Promise<Uint8Array>;
  /** Ends the run now with what it has; `result` resolves. */
  finish(): void;
}

export interface Distilled {
  readonly classes: string[];
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** Each image is a canvas of factor^2 smaller ones. */
  readonly factor: number;
  /** The number asked for; `counts` tells how many of each class there are. */
  readonly imagesPerClass: number;
  readonly counts: number[];
  readonly labels: Uint32Array;
  /** [n, channels, height, width], bytes. */
  readonly pixels: Uint8Array;
  /** Class probabilities: a row an image, [n, classes], or a row each of the smaller ones on it, [n factor^2, classes]. */
  readonly soft?: Float32Array;
  readonly method: string;
  readonly seed: number;
  /** Of the real images. */
  readonly fingerprint: string;
  /** All settings: given as `recipe` to another run, they make the same set again. */
  readonly recipe: Recipe;
  /** What else the method found, such as a rate to train at. */
  readonly extras: Record<string, unknown>;
  /**
   * Of the iterations of the run: `values` has a row of `names.length` numbers for each of `units`. There are at most 256
   * of these; one that stands for several has their mean.
   */
  readonly losses: Losses;
  /** Of the real images, by channel, of pixels in [0, 1]. */
  readonly mean: number[];
  readonly std: number[];
  /** The .attar file. */
  readonly bytes: Uint8Array;
  /** Image i as RGBA. */
  rgba(i: number): Uint8ClampedArray<ArrayBuffer>;
  /** The set with each of the smaller ones an image of its own, enlarged, as networks are trained on them; itself, if factor is 1. */
  unpacked(): Promise<Distilled>;
  /** The grid that the command line writes: one row a class, under its name. */
  grid(): { width: number; height: number; rgba: Uint8ClampedArray<ArrayBuffer> };
  /** images, labels, classes, mean, std, factor (and soft) as NumPy reads them. */
  npz(): Uint8Array;
}

export interface EvaluateOptions extends WatchOptions {
  /** Default: "quick", a small network; the others take minutes to hours. */
  protocol?: "quick" | "ncfm" | "vico";
  /** Networks to train. Default: 2. */
  repeats?: number;
  seed?: number;
  engine?: EngineName;
  /** Changes to the protocol; its name tells them. */
  width?: number;
  epochs?: number;
  mostSteps?: number;
  /** How to normalise real images that are a part of a set: by the whole set, as a distilled set's `mean` and `std` tell. */
  normalisation?: { mean: number[]; std: number[] };
  /**
   * Which changes keep the class, for "quick" to augment by: as `recipe.invariance` of a distilled set tells. Default: its own
   * of a distilled set, all for real images.
   */
  invariance?: Recipe["invariance"];
  signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
  worker?: WorkerChoice;
  /** Hands the arrays of `LabelledImages` over instead of copies, as in DistillOptions. */
  transfer?: boolean;
}

export interface Accuracy {
  /** A fraction in [0, 1], over the networks. */
  mean: number;
  deviation: number;
  repeats: number;
  protocol: string;
  engine: EngineReport;
}

export interface EnginesReport {
  webgpu: { available: boolean; adapter?: string; reason?: string };
  cpu: { available: true; simd: boolean };
}
