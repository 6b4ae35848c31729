// Writes zip files of entries that are packed already, so they are only stored.

import { crc32 } from "./crc32.ts";

export interface Entry {
  path: string;
  data: Uint8Array<ArrayBuffer>;
}

const UTF8_NAMES = 0x0800;
const VERSION = 20;
/** 1 January 1980, the first day that the format knows: equal images give equal files. */
const DATE = 0x21;

export function zip(entries: readonly Entry[]): Blob {
  const body: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const { path, data } of entries) {
    const name = new TextEncoder().encode(path);
    const common = [
      2,
      VERSION,
      2,
      UTF8_NAMES,
      2,
      0,
      2,
      0,
      2,
      DATE,
      4,
      crc32(data),
      4,
      data.length,
      4,
      data.length,
      2,
      name.length,
      2,
      0,
    ];
    const local = fields(4, 0x04034b50, ...common);
    body.push(local, name, data);
    directory.push(fields(4, 0x02014b50, 2, VERSION, ...common, 2, 0, 2, 0, 2, 0, 4, 0, 4, offset), name);
    offset += local.length + name.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = fields(4, 0x06054b50, 2, 0, 2, 0, 2, entries.length, 2, entries.length, 4, size, 4, offset, 2, 0);
  return new Blob([...body, ...directory, end], { type: "application/zip" });
}

/** Numbers of 2 or 4 bytes, each after its width. */
function fields(...widthsAndValues: number[]): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  for (let at = 0; at < widthsAndValues.length; at += 2) {
    const [width, value] = [widthsAndValues[at] ?? 0, widthsAndValues[at + 1] ?? 0];
    for (let byte = 0; byte < width; byte += 1) {
      out.push((value >>> (8 * byte)) & 0xff);
    }
  }
  return Uint8Array.from(out);
}
