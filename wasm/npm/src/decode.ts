/** From files to a set of images, by the browser's own decoders. */
import { aborted, AttarError } from "./errors.js";
import { Beginnings, isPng, withRoom } from "./pixels.js";
import type { DecodeOptions, ImageFiles, LabelledImages } from "./types.js";

/** Pixels that are converted between two turns of the event loop: some milliseconds. */
const PIXELS_AT_ONCE = 1 << 20;
/** Files being decoded at the same time, if they are not large. */
const AT_ONCE = 4;

/**
 * Decodes, resizes and crops images with the browser's own decoders (createImageBitmap and a canvas), in the order of
 * the classes and files given.
 */
export async function decode(files: ImageFiles, options: DecodeOptions): Promise<LabelledImages> {
  const { size, signal } = options;
  if (typeof createImageBitmap === "undefined") {
    throw new AttarError("unsupported", "there is no image decoder here: decode in a browser, or give pixel arrays");
  }
  if (!Number.isInteger(size) || size < 1 || size > 4096) {
    throw new AttarError("data", `images cannot be resized to ${size} pixels: give a whole number from 1 to 4096`);
  }
  const classes = Object.keys(files);
  const all = classes.flatMap((name, label) => files[name]!.map((file) => ({ file, name, label })));
  const beginnings = new Beginnings(all.map(({ file }) => file));
  const pictures = new Array<Uint8ClampedArray | undefined>(all.length);
  let grey = true;
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    const context = canvas(size);
    for (let at = next++; at < all.length; at = next++) {
      if (signal?.aborted) throw aborted(signal);
      const { file, name } = all[at]!;
      try {
        const beginning = await beginnings.of(at);
        const rgba = await withRoom(file, beginning, () => picture(file, beginning, context));
        pictures[at] = rgba;
        grey &&= isGrey(rgba);
      } catch (thrown) {
        options.onSkipped?.(file, name, thrown instanceof Error ? thrown.message : String(thrown));
      }
      options.onProgress?.(++done, all.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (signal?.aborted) throw aborted(signal);
  const read = all.flatMap(({ label }, at) => (pictures[at] ? [{ label, rgba: pictures[at] }] : []));
  if (read.length === 0) throw new AttarError("data", "no file could be decoded: give images that this browser can show");
  const wanted = options.channels ?? "auto";
  const channels = wanted === "auto" ? (grey ? 1 : 3) : wanted;
  const plane = size * size;
  const pixels = new Uint8Array(read.length * channels * plane);
  let converted = 0;
  for (const [row, { rgba }] of read.entries()) {
    planar(rgba, channels, pixels.subarray(row * channels * plane, (row + 1) * channels * plane));
    converted += plane;
    if (converted >= PIXELS_AT_ONCE) {
      converted = 0;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  return { classes, channels, height: size, width: size, pixels, labels: Uint32Array.from(read, ({ label }) => label) };
}

/** RGBA of the middle of a file's image, resized to the context's square canvas. */
async function picture(file: Blob, beginning: DataView, context: Context): Promise<Uint8ClampedArray> {
  const size = context.canvas.width;
  const whole = await imageOf(file, beginning);
  try {
    const side = Math.min(whole.width, whole.height);
    const [x, y] = [(whole.width - side) >> 1, (whole.height - side) >> 1];
    if (side === size) return drawn(whole, x, y, context);
    const resized = await createImageBitmap(whole, x, y, side, side, { resizeWidth: size, resizeHeight: size, resizeQuality: "high" });
    try {
      return drawn(resized, 0, 0, context);
    } finally {
      resized.close();
    }
  } finally {
    whole.close();
  }
}

/** The whole image. Where all of a file is at hand, and the browser can decode bytes, it need not be read once more. */
async function imageOf(file: Blob, beginning: DataView): Promise<ImageBitmap> {
  if (file.size > beginning.byteLength || !isPng(beginning) || typeof ImageDecoder === "undefined") {
    return createImageBitmap(file);
  }
  const decoder = new ImageDecoder({ data: beginning, type: "image/png" });
  try {
    const { image } = await decoder.decode();
    return await createImageBitmap(image).finally(() => image.close());
  } finally {
    decoder.close();
  }
}

/** RGBA of the part of an image that begins at (x, y) and fills the canvas, on white where it is transparent. */
function drawn(image: ImageBitmap, x: number, y: number, context: Context): Uint8ClampedArray {
  const { width, height } = context.canvas;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, -x, -y);
  return context.getImageData(0, 0, width, height).data;
}

type Context = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

function canvas(size: number): Context {
  const settings: CanvasRenderingContext2DSettings = { willReadFrequently: true };
  // Old Safaris have only canvases of the page.
  const context: Context | null =
    typeof OffscreenCanvas === "undefined"
      ? Object.assign(document.createElement("canvas"), { width: size, height: size }).getContext("2d", settings)
      : new OffscreenCanvas(size, size).getContext("2d", settings);
  if (!context) throw new AttarError("unsupported", "this browser gives no canvas to read pixels from: give pixel arrays");
  return context;
}

function isGrey(rgba: Uint8ClampedArray): boolean {
  for (let at = 0; at < rgba.length; at += 4) {
    if (rgba[at] !== rgba[at + 1] || rgba[at] !== rgba[at + 2]) return false;
  }
  return true;
}

/** RGBA to planes; one channel is the brightness of Rec. 601. */
function planar(rgba: Uint8ClampedArray, channels: 1 | 3, planes: Uint8Array): void {
  const plane = rgba.length / 4;
  for (let at = 0; at < plane; at++) {
    const [r, g, b] = [rgba[4 * at]!, rgba[4 * at + 1]!, rgba[4 * at + 2]!];
    if (channels === 1) planes[at] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    else {
      planes[at] = r;
      planes[plane + at] = g;
      planes[2 * plane + at] = b;
    }
  }
}
