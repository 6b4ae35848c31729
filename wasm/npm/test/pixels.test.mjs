import assert from "node:assert/strict";
import test from "node:test";

import { isTooLarge } from "attar";

/** A file of these bytes: numbers, texts, or arrays of them. */
const file = (...parts) => new Blob([Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.alloc(part) : Buffer.from(part, "latin1"))))]);
const bytes = (write, length) => {
  const buffer = Buffer.alloc(length);
  write(buffer);
  return buffer;
};
const big = (...values) => bytes((buffer) => values.forEach((value, index) => buffer.writeUInt32BE(value, 4 * index)), 4 * values.length);
const short = (...values) => bytes((buffer) => values.forEach((value, index) => buffer.writeUInt16BE(value, 2 * index)), 2 * values.length);
const little = (length, ...values) => bytes((buffer) => values.forEach((value, index) => buffer.writeUIntLE(value, length * index, length)), length * values.length);
const segment = (marker, length) => Buffer.concat([Buffer.from([0xff, marker]), short(length + 2), Buffer.alloc(length)]);
const ispe = (...sides) => Buffer.concat([Buffer.from("ispe"), big(0, ...sides)]);

/** The beginning of an image of these sides. */
const formats = {
  PNG: (...sides) => file("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", big(...sides), 5),
  GIF: (...sides) => file("GIF89a", little(2, ...sides), 3),
  BMP: (width, height) => file("BM", 16, bytes((buffer) => (buffer.writeInt32LE(width, 0), buffer.writeInt32LE(-height, 4)), 8)),
  "WebP with losses": (...sides) => file("RIFF", 4, "WEBPVP8 ", 10, little(2, ...sides)),
  "WebP without losses": (width, height) => file("RIFF", 4, "WEBPVP8L", 5, little(4, (((height - 1) << 14) | (width - 1)) >>> 0)),
  "WebP with more": (width, height) => file("RIFF", 4, "WEBPVP8X", 8, little(3, width - 1, height - 1)),
  AVIF: (...sides) => file(4, "ftypavif", 40, ispe(64, 64), ispe(...sides), ispe(160, 120)),
  JPEG: (width, height) => file("\xff\xd8", segment(0xe0, 14), segment(0xc4, 20), "\xff\xff\xc2", short(11), "\x08", short(height, width), 6),
  "JPEG with a preview": (width, height) => file("\xff\xd8", segment(0xe1, 60_000), segment(0xe2, 60_000), "\xff\xc0", short(11), "\x08", short(height, width), 6),
};

for (const [name, image] of Object.entries(formats)) {
  test(`the size of a ${name} is in its header`, async () => {
    assert.equal(await isTooLarge(image(16_000, 16_000)), true);
    assert.equal(await isTooLarge(image(10_000, 10_000)), false);
    assert.equal(await isTooLarge(image(16_000, 6_000)), false);
  });
}

test("what is no image, or is cut, is not too large", async () => {
  for (const [name, image] of Object.entries(formats)) {
    const whole = image(16_000, 16_000);
    for (let end = 0; end < 10; end += 1) assert.equal(await isTooLarge(whole.slice(0, end)), false, name);
  }
  assert.equal(await isTooLarge(new Blob(["words"])), false);
});
