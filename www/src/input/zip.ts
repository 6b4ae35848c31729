// Reads the pictures in a zip file. Nothing in the file is believed: offsets and sizes are checked against the file, and what
// is unpacked is measured and summed as it comes, so that neither a broken nor a malicious archive can do more than be refused.
// The format: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.

import { Crc32 } from "../files/crc32.ts";

/** What cannot be read, in one sentence. */
export class ZipError extends Error {}

export interface ZipEntry {
  path: string;
  file: File;
}

const LARGEST_ENTRY = 100e6;
const LARGEST_TOTAL = 2e9;
const END = { signature: 0x06054b50, size: 22, longestComment: 0xffff };
const CENTRAL = { signature: 0x02014b50, size: 46 };
const LOCAL = { signature: 0x04034b50, size: 30 };
const WINDOW = 4 << 20;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

interface Listed {
  path: string;
  method: number;
  flags: number;
  sum: number;
  compressed: number;
  offset: number;
}

/** The entries whose path is wanted, one after another; a `ZipError` in place of one that cannot be read. */
export async function* readZip(archive: File, wanted: (path: string) => boolean): AsyncGenerator<ZipEntry | ZipError> {
  const listed = (await directory(archive)).filter((entry) => wanted(entry.path));
  if (listed.length === 0) {
    throw new ZipError(`“${archive.name}” holds no pictures.`);
  }
  const headers = new Window(archive);
  let total = 0;
  for (const entry of listed) {
    const read = await readEntry(archive, headers, entry);
    if (read instanceof File) {
      total += read.size;
      if (total > LARGEST_TOTAL) {
        throw new ZipError(`“${archive.name}” unpacks to more than 2 GB: only the pictures up to there were taken.`);
      }
      yield { path: entry.path, file: read };
    } else {
      yield read;
    }
  }
}

async function directory(archive: File): Promise<Listed[]> {
  const tailStart = Math.max(0, archive.size - END.size - END.longestComment);
  const tail = await view(archive, tailStart, archive.size);
  const end = findEnd(tail);
  if (end === undefined) {
    throw new ZipError(`“${archive.name}” is not a zip file, or its end is missing.`);
  }
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (start === 0xffffffff || tail.getUint16(end + 10, true) === 0xffff) {
    throw new ZipError(`“${archive.name}” is a zip file of more than 4 GB or 65,534 files: drop its folder instead.`);
  }
  if (start + size > tailStart + end) {
    throw new ZipError(`The table of contents of “${archive.name}” is damaged.`);
  }
  return list(await view(archive, start, start + size));
}

function findEnd(tail: DataView): number | undefined {
  for (let at = tail.byteLength - END.size; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) === END.signature) {
      return at;
    }
  }
  return undefined;
}

function list(contents: DataView): Listed[] {
  const entries: Listed[] = [];
  const decoder = new TextDecoder();
  let at = 0;
  while (at + CENTRAL.size <= contents.byteLength && contents.getUint32(at, true) === CENTRAL.signature) {
    const [name, extra, comment] = [28, 30, 32].map((field) => contents.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const end = at + CENTRAL.size + name;
    if (end > contents.byteLength) {
      break;
    }
    entries.push({
      path: decoder
        .decode(new Uint8Array(contents.buffer, contents.byteOffset + at + CENTRAL.size, name))
        .replaceAll("\\", "/"),
      flags: contents.getUint16(at + 8, true),
      method: contents.getUint16(at + 10, true),
      sum: contents.getUint32(at + 16, true),
      compressed: contents.getUint32(at + 20, true),
      offset: contents.getUint32(at + 42, true),
    });
    at = end + extra + comment;
  }
  return entries;
}

async function readEntry(archive: File, headers: Window, entry: Listed): Promise<File | ZipError> {
  const name = entry.path.split("/").at(-1) ?? entry.path;
  if (entry.flags & ENCRYPTED) {
    return new ZipError(`“${name}” in “${archive.name}” is encrypted and was left out.`);
  }
  const damaged = new ZipError(`“${name}” in “${archive.name}” is damaged and was left out.`);
  if (entry.offset + LOCAL.size > archive.size) {
    return damaged;
  }
  const header = await headers.view(entry.offset, LOCAL.size);
  const start = entry.offset + LOCAL.size + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== LOCAL.signature || start + entry.compressed > archive.size) {
    return damaged;
  }
  // A slice is a reference: the bytes are read when the picture is decoded.
  const data = archive.slice(start, start + entry.compressed);
  if (entry.method === STORED) {
    return new File([data], name);
  }
  if (entry.method !== DEFLATED) {
    return new ZipError(
      `“${name}” in “${archive.name}” is packed in a way that browsers do not know and was left out.`,
    );
  }
  const unpacked = await inflate(data, entry.sum);
  return unpacked ? new File(unpacked, name) : damaged;
}

/** The unpacked bytes, or nothing if they are damaged or too many. */
async function inflate(data: Blob, sum: number): Promise<Uint8Array<ArrayBuffer>[] | undefined> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const crc = new Crc32();
  const reader = data.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.byteLength;
      if (size > LARGEST_ENTRY) {
        await reader.cancel();
        return undefined;
      }
      crc.add(part.value);
      parts.push(part.value);
    }
  } catch {
    return undefined;
  }
  return crc.value === sum ? parts : undefined;
}

/** A part of the file in memory that moves along: reading each small header by itself would take milliseconds a picture. */
class Window {
  readonly #archive: File;
  #start = 0;
  #part: DataView = new DataView(new ArrayBuffer(0));

  constructor(archive: File) {
    this.#archive = archive;
  }

  async view(start: number, size: number): Promise<DataView> {
    if (start < this.#start || start + size > this.#start + this.#part.byteLength) {
      this.#start = start;
      this.#part = await view(this.#archive, start, Math.min(start + WINDOW, this.#archive.size));
    }
    return new DataView(this.#part.buffer, start - this.#start, size);
  }
}

async function view(archive: File, start: number, end: number): Promise<DataView> {
  return new DataView(await archive.slice(start, end).arrayBuffer());
}
