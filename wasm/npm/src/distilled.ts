import { core } from "./core.js";
import { attarError, attempt } from "./errors.js";
import { DistilledSet } from "./glue/attar.js";
import { dataOf } from "./jobs.js";
import type { DistilledData } from "./protocol.js";
import type { Distilled, Losses, Recipe } from "./types.js";

/** A distilled set. What is costly is made when it is asked for, in this thread, where the WebAssembly has been started. */
class Result implements Distilled {
  readonly classes: string[];
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  readonly factor: number;
  readonly imagesPerClass: number;
  readonly counts: number[];
  readonly labels: Uint32Array;
  readonly pixels: Uint8Array;
  declare readonly soft?: Float32Array;
  readonly method: string;
  readonly seed: number;
  readonly fingerprint: string;
  readonly recipe: Recipe;
  readonly extras: Record<string, unknown>;
  readonly losses: Losses;
  readonly mean: number[];
  readonly std: number[];
  #bytes: Uint8Array | undefined;

  constructor(data: DistilledData) {
    this.classes = data.classes;
    this.channels = data.channels;
    this.height = data.height;
    this.width = data.width;
    this.factor = data.factor;
    this.imagesPerClass = data.imagesPerClass;
    this.counts = data.classes.map(() => 0);
    for (const label of data.labels) this.counts[label]! += 1;
    this.labels = data.labels;
    this.pixels = data.pixels;
    if (data.soft) this.soft = data.soft;
    this.method = data.method;
    this.seed = data.seed;
    this.fingerprint = data.fingerprint;
    this.recipe = data.recipe;
    this.extras = data.extras;
    this.losses = data.losses;
    this.mean = data.mean;
    this.std = data.std;
    this.#bytes = data.bytes;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= this.#use((set) => set.bytes()));
  }

  rgba(i: number): Uint8ClampedArray<ArrayBuffer> {
    const plane = this.height * this.width;
    const start = i * this.channels * plane;
    if (!Number.isInteger(i) || i < 0 || start >= this.pixels.length) {
      throw new RangeError(`there is no image ${i}: there are ${this.labels.length}, counted from 0`);
    }
    const rgba = new Uint8ClampedArray(4 * plane);
    const next = this.channels === 3 ? plane : 0;
    for (let at = 0; at < plane; at++) {
      rgba[4 * at] = this.pixels[start + at]!;
      rgba[4 * at + 1] = this.pixels[start + at + next]!;
      rgba[4 * at + 2] = this.pixels[start + at + 2 * next]!;
      rgba[4 * at + 3] = 255;
    }
    return rgba;
  }

  grid(): { width: number; height: number; rgba: Uint8ClampedArray<ArrayBuffer> } {
    return this.#use((set) => {
      const grid = set.grid();
      try {
        const rgb = grid.rgb;
        const rgba = new Uint8ClampedArray((rgb.length / 3) * 4);
        for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
          rgba[to] = rgb[from]!;
          rgba[to + 1] = rgb[from + 1]!;
          rgba[to + 2] = rgb[from + 2]!;
          rgba[to + 3] = 255;
        }
        return { width: grid.width, height: grid.height, rgba };
      } finally {
        grid.free();
      }
    });
  }

  npz(): Uint8Array {
    return this.#use((set) => set.npz());
  }

  async unpacked(): Promise<Distilled> {
    if (this.factor === 1) return this;
    const set = await attempt(() => this.#set().unpacked()).catch((thrown: unknown) => Promise.reject(attarError(thrown)));
    return new Result(dataOf(set, true));
  }

  #use<T>(use: (set: DistilledSet) => T): T {
    return attempt(() => {
      const set = this.#set();
      try {
        return use(set);
      } finally {
        set.free();
      }
    });
  }

  /** The set in WebAssembly: from its file, which is exact, else from what a preview tells. */
  #set(): DistilledSet {
    return this.#bytes ? DistilledSet.read(this.#bytes) : DistilledSet.of(this, this.pixels, this.labels, this.soft);
  }
}

/** A set from plain data. */
export async function distilledOf(data: DistilledData): Promise<Distilled> {
  await core();
  return new Result(data);
}

/** Reads a .attar file; AttarError code "format" if it is none, is damaged, or comes from a later version. */
export async function readDistilled(bytes: Uint8Array): Promise<Distilled> {
  const { DistilledSet } = await core();
  return new Result({ ...dataOf(attempt(() => DistilledSet.read(bytes)), false), bytes });
}
