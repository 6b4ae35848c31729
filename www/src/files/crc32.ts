// The checksum of PNG and zip (ISO 3309), by table.

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});

/** The sum of all that is added. */
export class Crc32 {
  #state = 0xffffffff;

  add(bytes: Uint8Array): void {
    let state = this.#state;
    for (const byte of bytes) {
      state = (state >>> 8) ^ (TABLE[(state ^ byte) & 0xff] ?? 0);
    }
    this.#state = state;
  }

  get value(): number {
    return ~this.#state >>> 0;
  }
}

export function crc32(...parts: Uint8Array[]): number {
  const sum = new Crc32();
  for (const part of parts) {
    sum.add(part);
  }
  return sum.value;
}
