/** Sets of images: checking, choosing. */
import { core } from "./core.js";
import { attempt, AttarError } from "./errors.js";
import type { ImageFiles, LabelledImages } from "./types.js";

/** Bytes that are copied between two turns of the event loop: some milliseconds. */
const CHUNK = 16 << 20;

export function isLabelled(images: LabelledImages | ImageFiles): images is LabelledImages {
  return ArrayBuffer.isView((images as LabelledImages).pixels);
}

/** Refuses what is not a labelled set, before a worker is started for it. The WebAssembly checks the rest. */
export function checkImages(images: LabelledImages): void {
  const fault = (message: string): never => {
    throw new AttarError("data", message);
  };
  if (!Array.isArray(images.classes)) fault("`classes` is not an array: give the class names");
  if (!(images.pixels instanceof Uint8Array)) fault("`pixels` is not a Uint8Array: give bytes [n, channels, height, width]");
  if (!(images.labels instanceof Uint32Array)) fault("`labels` is not a Uint32Array: give the place of each image's class");
  if (images.channels !== 1 && images.channels !== 3) fault(`images of ${String(images.channels)} channels cannot be used: give 1 (grey) or 3 (RGB)`);
}

/** A copy to be handed over, made in pieces so that a page stays responsive. */
async function copyOf(images: LabelledImages): Promise<LabelledImages> {
  const { pixels } = images;
  const copy = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at += CHUNK) {
    copy.set(pixels.subarray(at, at + CHUNK), at);
    if (at + CHUNK < pixels.length) await new Promise((resolve) => setTimeout(resolve));
  }
  return { ...plain(images), pixels: copy, labels: images.labels.slice() };
}

/** What is sent to a worker: the caller's own arrays, if it lets them go, else copies. */
export async function given(images: LabelledImages, away: boolean | undefined): Promise<LabelledImages> {
  return away ? plain(images) : copyOf(images);
}

/** Nothing but the fields of the interface, which can be sent to a worker. */
function plain({ classes, channels, height, width, pixels, labels }: LabelledImages): LabelledImages {
  return { classes: [...classes], channels, height, width, pixels, labels };
}

async function select(images: LabelledImages, rows: Uint32Array): Promise<LabelledImages> {
  const size = images.channels * images.height * images.width;
  const pixels = new Uint8Array(rows.length * size);
  let copied = 0;
  for (const [index, row] of rows.entries()) {
    pixels.set(images.pixels.subarray(row * size, (row + 1) * size), index * size);
    copied += size;
    if (copied >= CHUNK) {
      copied = 0;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  return { ...plain(images), pixels, labels: rows.map((row) => images.labels[row]!) };
}

/** Splits off a fraction of each class (at least one image) that neither pool nor distillation sees. */
export async function split(images: LabelledImages, fraction: number, seed = 0): Promise<{ train: LabelledImages; test: LabelledImages }> {
  checkImages(images);
  const { splitRows } = await core();
  const rows = attempt(() => splitRows(images.classes, images.labels, fraction, seed));
  const { train, test } = rows;
  rows.free();
  return { train: await select(images, train), test: await select(images, test) };
}

/**
 * Random real images, for the comparison that every accuracy stands beside: as many of each class, or, as a distilled set's
 * `counts` tell, a number for each.
 */
export async function randomImages(images: LabelledImages, perClass: number | readonly number[], seed = 0): Promise<LabelledImages> {
  checkImages(images);
  const { randomRows } = await core();
  const counts = Uint32Array.from(typeof perClass === "number" ? images.classes.map(() => perClass) : perClass);
  return select(images, attempt(() => randomRows(images.classes, images.labels, counts, seed)));
}
