// The checksum of PNG and zip (ISO 3309), by table.

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});

export function crc32(...parts: Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) {
      crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
    }
  }
  return ~crc >>> 0;
}
