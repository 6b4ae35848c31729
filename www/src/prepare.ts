// From files to the two sets that a run needs: decoded images to distil, and images held out to test on.

import { decode, isTooLarge, split, type ImageFiles, type LabelledImages } from "attar/inlined";
import type { PictureClass } from "./classes.ts";
import { plural } from "./format.ts";
import { HELD_OUT, type Settings } from "./settings.ts";
import type { Originals } from "./store.ts";

export interface Prepared {
  train: LabelledImages;
  test: LabelledImages;
  originals: Originals;
  /** One sentence for each reason why pictures were left out. */
  skipped: string[];
}

export async function prepare(
  classes: readonly PictureClass[],
  settings: Settings,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Prepared> {
  const files: ImageFiles = Object.fromEntries(classes.map(({ name, files: own }) => [name, [...own]]));
  const failed = new Set<Blob>();
  const images = await decode(files, {
    size: settings.size,
    signal,
    onProgress,
    onSkipped: (file) => failed.add(file),
  });
  requireTwo(images);
  const { train, test } = await split(images, HELD_OUT, settings.seed);
  const all = classes.flatMap((one) => one.files);
  const read = all.filter((file) => !failed.has(file));
  const bytes = read.reduce((sum, { size }) => sum + size, 0);
  const skipped = await reasons(all.filter((file) => failed.has(file)));
  return { train, test, originals: { pictures: read.length, bytes }, skipped };
}

/** Pictures that could not be read may have left a class with too few. */
function requireTwo({ classes, labels }: LabelledImages): void {
  const counts = classes.map((_, label) => labels.filter((own) => own === label).length);
  const short = classes.find((_, label) => (counts[label] ?? 0) < 2);
  if (short !== undefined) {
    throw new Error(`Fewer than two pictures of “${short}” can be read: add some, or remove the class.`);
  }
}

async function reasons(unread: readonly File[]): Promise<string[]> {
  const tooLarge = await Promise.all(unread.map((file) => isTooLarge(file)));
  const torn = unread.filter((_, index) => !tooLarge[index]);
  const large = unread.filter((_, index) => tooLarge[index]);
  return [
    ...leftOut(torn, "could not be read"),
    ...leftOut(large, `${large.length === 1 ? "has" : "have"} more than 100 million pixels`),
  ];
}

function leftOut(files: readonly File[], why: string): string[] {
  if (files.length === 0) {
    return [];
  }
  const names = files.slice(0, 3).map(({ name }) => `“${name}”`);
  const more = files.length > names.length ? " and others" : "";
  return [
    `${plural(files.length, "picture")} ${why} and ${files.length === 1 ? "was" : "were"} left out: ${names.join(", ")}${more}.`,
  ];
}
