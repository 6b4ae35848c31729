// What a run is asked for, how it fits the pictures, and the form for it.

import type { DistillOptions, EngineName, LabelledImages } from "attar/inlined";
import type { PictureClass } from "./classes.ts";
import { byId } from "./dom.ts";
import { bytes, count, plural } from "./format.ts";

export interface Settings {
  imagesPerClass: number;
  /** Side in pixels. */
  size: number;
  /** Seconds of work. */
  budget: number;
  engine: EngineName;
  seed: number;
}

/** Share of each class that is held out, to test on. */
export const HELD_OUT = 0.2;
/** Passes over the classes after which nothing more is gained; the time budget usually comes first. */
const MOST_ITERATIONS = 1000;
const MOST_PER_CLASS = 50;
const MOST_PIXEL_BYTES = 1e9;
const FEW = 10;

export interface Judgement {
  /** What keeps the run from starting. */
  problems: string[];
  /** What is worth knowing. */
  notes: string[];
  /** The set in numbers. */
  summary: string;
}

/** Says whether the pictures can be distilled as asked. */
export function judge(classes: readonly PictureClass[], settings: Settings): Judgement {
  const problems: string[] = [];
  const notes: string[] = [];
  const pictures = classes.reduce((sum, { files }) => sum + files.length, 0);
  const [only] = classes;
  if (classes.length === 1 && only) {
    problems.push(`There is one class only, “${only.name}”: add another, so that there is something to tell apart.`);
  }
  const single = classes.filter(({ files }) => files.length < 2);
  for (const { name } of single.slice(0, 3)) {
    problems.push(`“${name}” has one picture: a class needs two, one to distil and one to test on.`);
  }
  if (
    !Number.isInteger(settings.imagesPerClass) ||
    settings.imagesPerClass < 1 ||
    settings.imagesPerClass > MOST_PER_CLASS
  ) {
    problems.push(`Images per class is a whole number from 1 to ${MOST_PER_CLASS}.`);
  }
  const most = Math.max(0, ...classes.map(({ files }) => trainingImages(files.length)));
  if (most > 0 && settings.imagesPerClass > most) {
    problems.push(`No class has more than ${plural(most, "picture")} to distil from: choose at most as many images per class.`);
  }
  if (!Number.isInteger(settings.seed) || settings.seed < 0) {
    problems.push("The seed is a whole number from 0 upwards.");
  }
  const memory = pictures * settings.size ** 2 * 3;
  if (memory > MOST_PIXEL_BYTES) {
    problems.push(
      `${plural(pictures, "picture")} of this size need ${bytes(memory)} of memory, more than a tab can count on: choose a smaller size or fewer pictures.`,
    );
  }
  const smallest = [...classes].sort((a, b) => a.files.length - b.files.length)[0];
  if (smallest && smallest.files.length >= 2 && smallest.files.length < FEW) {
    notes.push(
      `“${smallest.name}” has only ${plural(smallest.files.length, "picture")}: it works, but a few dozen teach a network more.`,
    );
  }
  if (smallest && smallest.files.length >= 2 && settings.imagesPerClass > trainingImages(smallest.files.length)) {
    notes.push(
      `That is more images per class than “${smallest.name}” has to distil from, so all of them start from noise.`,
    );
  }
  const summary = `${plural(pictures, "picture")} in ${plural(classes.length, "class", "classes")} become ${count(classes.length * settings.imagesPerClass)}, at ${settings.size} × ${settings.size}; decoded, they take ${bytes(memory)} of memory. A fifth of each class is held out to test on.`;
  return { problems, notes, summary };
}

function trainingImages(pictures: number): number {
  return pictures - Math.max(1, Math.round(pictures * HELD_OUT));
}

/** As many images per class as suits the smallest class. */
export function suitable(classes: readonly PictureClass[]): number {
  const smallest = Math.min(...classes.map(({ files }) => trainingImages(files.length)));
  return Math.max(1, Math.min(10, Math.floor(smallest / 4)));
}

/** The options of the engine for these images. */
export function options(settings: Settings, train: LabelledImages): DistillOptions {
  return {
    imagesPerClass: settings.imagesPerClass,
    iterations: MOST_ITERATIONS,
    seed: settings.seed,
    engine: settings.engine,
    // The package's recipe begins with four real images on each, or with one; where there are not enough, with noise.
    recipe: settings.imagesPerClass > smallestClass(train) ? { canvas: { init: "noise" } } : {},
  };
}

function smallestClass({ classes, labels }: LabelledImages): number {
  const counts = classes.map(() => 0);
  for (const label of labels) {
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return Math.min(...counts);
}

/** The form; `onChange` is called after each change. */
export class SettingsForm {
  readonly #perClass = byId("per-class", HTMLInputElement);
  readonly #sizes = byId("sizes", HTMLFieldSetElement);
  readonly #budget = byId("budget", HTMLSelectElement);
  readonly #engine = byId("engine", HTMLSelectElement);
  readonly #seed = byId("seed", HTMLInputElement);
  /** Whether the number of images per class was set by hand, and so is not to be chosen for them. */
  #chosen = false;

  constructor(onChange: () => void) {
    this.#perClass.addEventListener("input", () => {
      this.#chosen = true;
    });
    byId("settings-form", HTMLFormElement).addEventListener("input", onChange);
  }

  /** Suggests values for these classes, where nobody chose others. */
  suggest(classes: readonly PictureClass[]): void {
    if (!this.#chosen && classes.length > 0) {
      this.#perClass.value = String(suitable(classes));
    }
  }

  read(): Settings {
    const size = this.#sizes.querySelector<HTMLInputElement>("input:checked");
    return {
      imagesPerClass: Number(this.#perClass.value),
      size: Number(size?.value),
      budget: Number(this.#budget.value),
      engine: engineName(this.#engine.value),
      seed: Number(this.#seed.value),
    };
  }
}

function engineName(value: string): EngineName {
  return value === "webgpu" || value === "cpu" ? value : "auto";
}
