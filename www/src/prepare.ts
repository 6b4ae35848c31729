// From files to the two sets that a run needs: decoded images to distil, and images held out to test on.

import { decode, split, type ImageFiles, type LabelledImages } from "attar/inlined";
import type { PictureClass } from "./classes.ts";
import { plural } from "./format.ts";
import { HELD_OUT, type Settings } from "./settings.ts";
import type { Originals } from "./store.ts";

export interface Prepared {
  train: LabelledImages;
  test: LabelledImages;
  originals: Originals;
  /** One sentence about pictures that could not be read. */
  skipped: string | undefined;
}

export async function prepare(
  classes: readonly PictureClass[],
  settings: Settings,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Prepared> {
  const files: ImageFiles = Object.fromEntries(classes.map(({ name, files: own }) => [name, [...own]]));
  const unread: File[] = [];
  const images = await decode(files, {
    size: settings.size,
    signal,
    onProgress,
    onSkipped: (file) => {
      if (file instanceof File) {
        unread.push(file);
      }
    },
  });
  requireTwo(images);
  const { train, test } = await split(images, HELD_OUT, settings.seed);
  const all = classes.flatMap((one) => one.files);
  const bytes = all.reduce((sum, { size }) => sum + size, 0) - unread.reduce((sum, { size }) => sum + size, 0);
  return { train, test, originals: { pictures: all.length - unread.length, bytes }, skipped: sentence(unread) };
}

/** Pictures that could not be read may have left a class with too few. */
function requireTwo({ classes, labels }: LabelledImages): void {
  const counts = classes.map((_, label) => labels.filter((own) => own === label).length);
  const short = classes.find((_, label) => (counts[label] ?? 0) < 2);
  if (short !== undefined) {
    throw new Error(`Fewer than two pictures of “${short}” can be read: add some, or remove the class.`);
  }
}

function sentence(unread: readonly File[]): string | undefined {
  if (unread.length === 0) {
    return undefined;
  }
  const names = unread.slice(0, 3).map(({ name }) => `“${name}”`);
  const more = unread.length > names.length ? " and others" : "";
  return `${plural(unread.length, "picture")} could not be read and ${unread.length === 1 ? "was" : "were"} left out: ${names.join(", ")}${more}.`;
}
