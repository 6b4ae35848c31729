// Writes PNG files without a canvas: some browsers add noise to what is read from a canvas, and these pixels are exact.

import { crc32 } from "./crc32.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const EIGHT_BITS = 8;
const RGB = 2;

/** A picture from RGBA, whose opacity is left out. */
export async function png(width: number, height: number, rgba: Uint8ClampedArray): Promise<Blob> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([EIGHT_BITS, RGB, 0, 0, 0], 8);
  const data = await deflate(lines(width, height, rgba));
  return new Blob(
    [new Uint8Array(SIGNATURE), ...chunk("IHDR", header), ...chunk("IDAT", data), ...chunk("IEND", new Uint8Array(0))],
    { type: "image/png" },
  );
}

/** Each line as red, green, blue, after a byte that says "unfiltered". */
function lines(width: number, height: number, rgba: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const stride = 1 + width * 3;
  const out = new Uint8Array(height * stride);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = (y * width + x) * 4;
      out.set(rgba.subarray(from, from + 3), y * stride + 1 + x * 3);
    }
  }
  return out;
}

function chunk(type: string, data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const name = new TextEncoder().encode(type);
  const [length, sum] = [new Uint8Array(4), new Uint8Array(4)];
  new DataView(length.buffer).setUint32(0, data.length);
  new DataView(sum.buffer).setUint32(0, crc32(name, data));
  return [length, name, data, sum];
}

async function deflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  // "deflate" is the zlib format, which PNG wants.
  const packed = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
