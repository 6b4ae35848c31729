// Small views of pictures, made only for what is on the screen.

import { isTooLarge } from "attar/inlined";

/** Side of a picture and space between two, as the style sheet has them. */
const SIDE = 44;
const GAP = 4;
const CORNER = 5;
const MOST = 12;

const waiting = new WeakMap<Element, Row>();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = waiting.get(target);
      if (isIntersecting && row) {
        waiting.delete(target);
        observer.unobserve(target);
        void fill(row);
      }
    }
  },
  { rootMargin: "200px" },
);

interface Row {
  canvas: HTMLCanvasElement;
  files: readonly File[];
}

/**
 * A row of thumbnails of the first pictures, drawn when it comes into view: one canvas for all of them, since each canvas of a
 * page costs time in every frame.
 */
export function thumbnails(files: readonly File[]): HTMLElement {
  const canvas = document.createElement("canvas");
  const row = { canvas, files: spread(files, MOST) };
  canvas.width = place(row.files.length) - GAP;
  canvas.height = SIDE;
  const element = document.createElement("div");
  element.className = "thumbnails";
  element.setAttribute("aria-hidden", "true");
  element.append(canvas);
  waiting.set(element, row);
  observer.observe(element);
  return element;
}

/** Where a picture begins. */
function place(index: number): number {
  return index * (SIDE + GAP);
}

/** Pictures from the whole list, not only its beginning. */
function spread(files: readonly File[], most: number): File[] {
  const step = Math.max(1, files.length / most);
  const shown: File[] = [];
  for (let at = 0; at < files.length && shown.length < most; at += step) {
    const file = files[Math.floor(at)];
    if (file) {
      shown.push(file);
    }
  }
  return shown;
}

async function fill({ canvas, files }: Row): Promise<void> {
  const context = canvas.getContext("2d");
  for (const [index, file] of files.entries()) {
    if (!context || !canvas.isConnected) {
      return;
    }
    try {
      if (await isTooLarge(file)) {
        unreadable(context, place(index));
        continue;
      }
      // With one side given, the other keeps the proportion; the browser decodes beside this thread.
      const bitmap = await createImageBitmap(file, { resizeHeight: SIDE, resizeQuality: "medium" });
      picture(context, place(index), bitmap);
      bitmap.close();
    } catch {
      unreadable(context, place(index));
    }
  }
}

/** The middle of a picture, which is what a run sees of it. */
function picture(context: CanvasRenderingContext2D, x: number, bitmap: ImageBitmap): void {
  const side = Math.min(bitmap.width, bitmap.height);
  context.save();
  context.beginPath();
  context.roundRect(x, 0, SIDE, SIDE, CORNER);
  context.clip();
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  context.drawImage(bitmap, left, top, side, side, x, 0, SIDE, SIDE);
  context.restore();
}

function unreadable(context: CanvasRenderingContext2D, x: number): void {
  context.strokeStyle = getComputedStyle(context.canvas).color;
  context.lineWidth = 1.5;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.roundRect(x + 1, 1, SIDE - 2, SIDE - 2, CORNER);
  context.stroke();
}
