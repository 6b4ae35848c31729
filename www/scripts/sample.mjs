// Makes the sample set of the demo, src/generated/sample.ts: the first 50 pictures of each class of data/fashion-mini, as
// a zip of PNG files inside a module, so that it comes with the page and takes the same road as anybody's zip.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { crc32, deflateSync, gunzipSync } from "node:zlib";

const PER_CLASS = 50;
const source = new URL("../../data/fashion-mini/", import.meta.url);
const target = new URL("../src/generated/sample.ts", import.meta.url);

const images = gunzipSync(readFileSync(new URL("train-images-idx3-ubyte.gz", source)));
const labels = gunzipSync(readFileSync(new URL("train-labels-idx1-ubyte.gz", source)));
const names = readFileSync(new URL("classes.txt", source), "utf8").trim().split("\n");
const [count, height, width] = [4, 8, 12].map((at) => images.readUInt32BE(at));

/** A chunk of a PNG file: length, type, data, checksum. */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function greyPng(pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Array.from({ length: height }, (_, y) => [0, ...pixels.subarray(y * width, (y + 1) * width)]).flat();
  const data = deflateSync(Buffer.from(rows), { level: 9 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** A zip of stored entries: PNG files do not shrink further. */
function zip(entries) {
  const [local, central] = [[], []];
  let offset = 0;
  for (const { name, data } of entries) {
    const path = Buffer.from(name, "utf8");
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const written = [Buffer.from("PK\x03\x04", "latin1"), common, path, data];
    local.push(...written);
    central.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, place, path);
    offset += written.reduce((sum, part) => sum + part.length, 0);
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

const taken = names.map(() => 0);
const entries = [];
for (let index = 0; index < count; index += 1) {
  const label = labels[8 + index];
  if (taken[label] < PER_CLASS) {
    taken[label] += 1;
    const pixels = images.subarray(16 + index * height * width, 16 + (index + 1) * height * width);
    const folder = names[label].replaceAll("/", " or ");
    entries.push({ name: `${folder}/${String(taken[label]).padStart(2, "0")}.png`, data: greyPng(pixels) });
  }
}
const archive = zip(entries);
mkdirSync(new URL(".", target), { recursive: true });
writeFileSync(
  target,
  `// Made by scripts/sample.mjs from data/fashion-mini; not to be edited.\nexport const SAMPLE_ZIP = "${archive.toString("base64")}";\n`,
);
console.log(`sample: ${entries.length} pictures, ${archive.length} bytes`);
