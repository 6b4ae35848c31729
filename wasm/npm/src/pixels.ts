/** What the beginnings of files tell: how many pixels an image has, and so how many can be decoded at once. */
import { AttarError } from "./errors.js";

/** Pixels of the largest image that is decoded: 400 MB. All that are decoded at the same time have as many at most. */
const MOST_PIXELS = 100e6;
/** What is set aside for an image of a format that is not known here. */
const UNKNOWN_PIXELS = MOST_PIXELS / 4;
/** Where every format but JPEG has its size; files of thumbnails are no longer. */
const BEGINNING = 16 << 10;
/** Files whose beginnings are read at once, since each read takes the browser a millisecond or two, however short it is. */
const TOGETHER = 32;
/** More than cameras write before the size. */
const MOST_SEGMENTS = 1000;

interface Size {
  width: number;
  height: number;
}

/**
 * Whether an image has more pixels than `decode` takes (100 million); known from its header, without decoding it. One that
 * cannot be read has not.
 */
export async function isTooLarge(file: Blob): Promise<boolean> {
  const pixels = await view(file, 0, BEGINNING).then((beginning) => pixelsOf(file, beginning), () => undefined);
  return (pixels ?? 0) > MOST_PIXELS;
}

/** Reads the beginnings of files, which are asked for in the order of the files. */
export class Beginnings {
  readonly #files: readonly Blob[];
  #group = -1;
  #views: Promise<DataView[]> = Promise.resolve([]);

  constructor(files: readonly Blob[]) {
    this.#files = files;
  }

  /** Of a small file, the whole; throws if the file cannot be read. */
  async of(at: number): Promise<DataView> {
    const group = Math.floor(at / TOGETHER);
    if (group !== this.#group) {
      this.#group = group;
      this.#views = together(this.#files.slice(group * TOGETHER, (group + 1) * TOGETHER));
    }
    // Where one of them cannot be read, none is: then each is read by itself.
    const views = await this.#views.catch(() => undefined);
    return views?.[at % TOGETHER] ?? view(this.#files[at]!, 0, BEGINNING);
  }
}

async function together(files: readonly Blob[]): Promise<DataView[]> {
  const parts = files.map((file) => file.slice(0, BEGINNING));
  const bytes = await new Blob(parts).arrayBuffer();
  let at = 0;
  return parts.map(({ size }) => new DataView(bytes, (at += size) - size, size));
}

export function isPng(beginning: DataView): boolean {
  return text(beginning, 1, 3) === "PNG";
}

let free = MOST_PIXELS;
let waiting: (() => void)[] = [];

/** Decodes an image as soon as there is room for it. */
export async function withRoom<T>(file: Blob, beginning: DataView, decode: () => Promise<T>): Promise<T> {
  const pixels = (await pixelsOf(file, beginning)) ?? UNKNOWN_PIXELS;
  if (pixels > MOST_PIXELS) {
    const [has, most] = [pixels, MOST_PIXELS].map((count) => Math.round(count / 1e6));
    throw new AttarError("limit", `the image has ${has} million pixels: give at most ${most} million`);
  }
  while (pixels > free) await new Promise<void>((wake) => waiting.push(wake));
  free -= pixels;
  try {
    return await decode();
  } finally {
    free += pixels;
    const woken = waiting;
    waiting = [];
    woken.forEach((wake) => wake());
  }
}

async function pixelsOf(file: Blob, beginning: DataView): Promise<number | undefined> {
  const size = await sizeOf(file, beginning).catch(() => undefined);
  return size && size.width * size.height;
}

async function sizeOf(file: Blob, head: DataView): Promise<Size | undefined> {
  if (isPng(head)) return { width: head.getUint32(16), height: head.getUint32(20) };
  if (text(head, 0, 3) === "GIF") return { width: head.getUint16(6, true), height: head.getUint16(8, true) };
  if (text(head, 0, 2) === "BM") return { width: Math.abs(head.getInt32(18, true)), height: Math.abs(head.getInt32(22, true)) };
  if (text(head, 0, 4) === "RIFF" && text(head, 8, 4) === "WEBP") return webp(head, text(head, 12, 4));
  if (text(head, 4, 4) === "ftyp") return largest(head, text(head, 0, BEGINNING));
  if (head.getUint16(0) === 0xffd8) return jpeg(file, head);
  return undefined;
}

function text(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function webp(head: DataView, chunk: string): Size | undefined {
  const three = (at: number): number => head.getUint16(at, true) + (head.getUint8(at + 2) << 16);
  switch (chunk) {
    case "VP8X": return { width: three(24) + 1, height: three(27) + 1 };
    case "VP8L": {
      const bits = head.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
    }
    case "VP8 ": return { width: head.getUint16(26, true) & 0x3fff, height: head.getUint16(28, true) & 0x3fff };
    default: return undefined;
  }
}

/** Of AVIF and HEIC, whose images may have parts and previews, each with a property of its own. */
function largest(head: DataView, text: string): Size | undefined {
  let found: Size | undefined;
  for (let at = text.indexOf("ispe"); at >= 0 && at + 16 <= head.byteLength; at = text.indexOf("ispe", at + 4)) {
    const size = { width: head.getUint32(at + 8), height: head.getUint32(at + 12) };
    if (!found || size.width * size.height > found.width * found.height) found = size;
  }
  return found;
}

/** In the header of the frame, after any number of segments with colours, places and previews. */
async function jpeg(file: Blob, head: DataView): Promise<Size | undefined> {
  for (let at = 2, segments = 0; segments < MOST_SEGMENTS; segments++) {
    const near = at + 9 <= head.byteLength;
    const [part, from] = near ? [head, at] : [await view(file, at, 9), 0];
    const marker = part.getUint8(from + 1);
    if (part.getUint8(from) !== 0xff) return undefined;
    if (isFrame(marker)) return { width: part.getUint16(from + 7), height: part.getUint16(from + 5) };
    // A marker may have any number of bytes before it that only fill.
    at += marker === 0xff ? 1 : 2 + part.getUint16(from + 2);
  }
  return undefined;
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

async function view(file: Blob, start: number, length: number): Promise<DataView> {
  return new DataView(await file.slice(start, start + length).arrayBuffer());
}
