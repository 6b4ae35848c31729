// The pictures of data/fashion-mini as PNG files: for the sample that comes with the page, and for the tests.

import { readFileSync } from "node:fs";
import { crc32, deflateSync, gunzipSync } from "node:zlib";

const SOURCE = new URL("../../data/fashion-mini/", import.meta.url);

/** The training images in their order: `{ name, pixels, width, height }`, `name` being that of the class. */
export function* fashion() {
  const read = (name) => gunzipSync(readFileSync(new URL(name, SOURCE)));
  const [images, labels] = [read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz")];
  const names = readFileSync(new URL("classes.txt", SOURCE), "utf8").trim().split("\n");
  const [count, height, width] = [4, 8, 12].map((at) => images.readUInt32BE(at));
  for (let index = 0; index < count; index += 1) {
    const pixels = images.subarray(16 + index * height * width, 16 + (index + 1) * height * width);
    yield { name: names[labels[8 + index]].replaceAll("/", " or "), pixels, width, height };
  }
}

/** The first so many images of each class, as `{ path, data }`: a folder a class. */
export function firstOfEach(perClass, png = greyPng) {
  const taken = new Map();
  const entries = [];
  for (const picture of fashion()) {
    const number = (taken.get(picture.name) ?? 0) + 1;
    if (number <= perClass) {
      taken.set(picture.name, number);
      entries.push({ path: `${picture.name}/${String(number).padStart(3, "0")}.png`, data: png(picture) });
    }
  }
  return entries;
}

/** A grey PNG file, with a black border if it is to be larger than the picture. */
export function greyPng({ pixels, width, height }, side = width) {
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  const rows = Buffer.alloc(side * (side + 1));
  for (let y = 0; y < height; y += 1) {
    // Each row begins with a byte that says "unfiltered".
    rows.set(pixels.subarray(y * width, (y + 1) * width), (y + top) * (side + 1) + 1 + left);
  }
  return squarePng(side, 8, rows);
}

const GREY = 0;
/** Red, green and blue. */
export const COLOUR = 2;

/** A PNG file of so many bits a value, from its rows, each after the byte that tells its filter, with these chunks too. */
export function squarePng(side, bits, rows, { kind = GREY, more = [] } = {}) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([bits, kind, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    ...more,
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

export function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** A zip file of `{ path, data }`; stored as they are, or `packed` by a function that deflates. */
export function zip(entries, packed = undefined) {
  const [local, central] = [[], []];
  let offset = 0;
  for (const { path, data } of entries) {
    const name = Buffer.from(path, "utf8");
    const content = packed ? packed(data) : data;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(packed ? 8 : 0, 4);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    local.push(Buffer.from("PK\x03\x04", "latin1"), common, name, content);
    central.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, place, name);
    offset += 30 + name.length + content.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
