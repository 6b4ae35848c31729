// Small views of pictures, made only for what is on the screen.

import { decode, type LabelledImages } from "attar/inlined";

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
        after(() => fill(row));
      }
    }
  },
  { rootMargin: "200px" },
);

/** Rows are drawn one after another: all that are on the screen at once would make each of them late. */
let queue: Promise<unknown> = Promise.resolve();

function after(work: () => Promise<unknown>): void {
  queue = queue.then(work).catch(() => undefined);
}

/** Has thumbnails wait until this is done: it reads the same files, and somebody waits for it. */
export function thumbnailsAfter(work: Promise<unknown>): void {
  after(() => work);
}

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

/** Draws the middles of the pictures, which are what a run sees of them. */
async function fill({ canvas, files }: Row): Promise<void> {
  const context = canvas.getContext("2d");
  if (!context || !canvas.isConnected) {
    return;
  }
  const skipped = new Set<Blob>();
  const nothing = { channels: 1 as const, pixels: new Uint8Array() };
  // Where not one can be read, there is no set.
  const read = await decode({ row: [...files] }, { size: SIDE, onSkipped: (file) => skipped.add(file) }).catch(() => nothing);
  let next = 0;
  for (const [index, file] of files.entries()) {
    if (skipped.has(file)) {
      unreadable(context, place(index));
    } else {
      context.putImageData(picture(read, next), place(index), 0);
      next += 1;
    }
  }
  roundCorners(context, files.length);
}

function picture({ channels, pixels }: Pick<LabelledImages, "channels" | "pixels">, index: number): ImageData {
  const plane = SIDE * SIDE;
  const start = index * channels * plane;
  const image = new ImageData(SIDE, SIDE);
  for (let at = 0; at < plane; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image.data[4 * at + channel] = pixels[start + (channels === 3 ? channel * plane : 0) + at] ?? 0;
    }
    image.data[4 * at + 3] = 255;
  }
  return image;
}

/** Keeps of what is drawn only what is inside of rounded squares. */
function roundCorners(context: CanvasRenderingContext2D, count: number): void {
  context.globalCompositeOperation = "destination-in";
  context.beginPath();
  for (let index = 0; index < count; index += 1) {
    context.roundRect(place(index), 0, SIDE, SIDE, CORNER);
  }
  context.fill();
}

function unreadable(context: CanvasRenderingContext2D, x: number): void {
  context.strokeStyle = getComputedStyle(context.canvas).color;
  context.lineWidth = 1.5;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.roundRect(x + 1, 1, SIDE - 2, SIDE - 2, CORNER);
  context.stroke();
}
