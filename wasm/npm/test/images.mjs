// Sets small enough for tests: classes that differ in where they are bright.
export function stripes({ classes = 3, perClass = 12, channels = 1, size = 16, seed = 1 } = {}) {
  const count = classes * perClass;
  const pixels = new Uint8Array(count * channels * size * size);
  let state = seed;
  const noise = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let at = 0, image = 0; image < count; image++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const inside = Math.floor((y * classes) / size) === image % classes;
          pixels[at++] = (inside ? 150 : 30) + 60 * noise();
        }
      }
    }
  }
  return {
    classes: Array.from({ length: classes }, (_, index) => `class ${index}`),
    channels,
    height: size,
    width: size,
    pixels,
    labels: Uint32Array.from({ length: count }, (_, image) => image % classes),
  };
}

/** A run of seconds: a small network, few iterations. */
export const quick = {
  imagesPerClass: 2,
  iterations: 3,
  seed: 7,
  recipe: { network: { width: 8 }, pool: { networks: 1, epochs: 2 }, method: { frequencies: 64 } },
};
