// Makes the sample set of the demo, src/generated/sample.ts: the first 50 pictures of each class of data/fashion-mini, as
// a zip of PNG files inside a module, so that it comes with the page and takes the same road as anybody's zip.

import { mkdirSync, writeFileSync } from "node:fs";
import { firstOfEach, zip } from "./fashion.mjs";

const PER_CLASS = 50;
const target = new URL("../src/generated/sample.ts", import.meta.url);

const entries = firstOfEach(PER_CLASS);
const archive = zip(entries);
mkdirSync(new URL(".", target), { recursive: true });
writeFileSync(
  target,
  `// Made by scripts/sample.mjs from data/fashion-mini; not to be edited.\nexport const SAMPLE_ZIP = "${archive.toString("base64")}";\n`,
);
console.log(`sample: ${entries.length} pictures, ${archive.length} bytes`);
