// The result as files: the set itself, a picture of all, and what networks are trained on, each picture by itself, as PNG
// files in a zip or as NumPy arrays.

import type { Distilled } from "attar/inlined";
import { button, make } from "./dom.ts";
import { bytes } from "./format.ts";
import { classFolders, MANIFEST, manifest } from "./files/class-folders.ts";
import { png } from "./files/png.ts";
import { zip, type Entry } from "./files/zip-writer.ts";
import { explain, say } from "./messages.ts";

interface Kind {
  name: string;
  what: string;
  file: string;
  content(set: Distilled): Promise<Blob>;
}

const KINDS: readonly Kind[] = [
  {
    name: ".attar file",
    what: "with its recipe; opens here and on the command line",
    file: "distilled.attar",
    content: async (set) => new Blob([set.bytes.slice()], { type: "application/octet-stream" }),
  },
  { name: "PNG grid", what: "one picture of all, a row a class", file: "distilled.png", content: gridPng },
  {
    name: "Zip of PNGs",
    what: "a folder a class, a file a picture, for any training code",
    file: "distilled.zip",
    content: async (set) => zipOfPngs(await set.unpacked()),
  },
  {
    name: ".npz arrays",
    what: "for NumPy and PyTorch",
    file: "distilled.npz",
    content: async (set) => new Blob([(await set.unpacked()).npz().slice()], { type: "application/octet-stream" }),
  },
];

/** Puts a button for each kind of file into a place of the page. */
export function showDownloads(place: HTMLElement, messages: HTMLElement, set: Distilled): void {
  place.replaceChildren(
    ...KINDS.map((kind) => {
      const text = kind.file.endsWith(".attar") ? `${kind.name} (${bytes(set.bytes.length)})` : kind.name;
      const start = button(
        text,
        () => {
          kind.content(set).then(
            (blob) => save(blob, kind.file),
            (error: unknown) => say(messages, "problem", explain(error)),
          );
        },
        { "data-download": kind.file },
      );
      return make("li", {}, start, make("span", { class: "hint" }, kind.what));
    }),
  );
}

async function gridPng(set: Distilled): Promise<Blob> {
  const { width, height, rgba } = set.grid();
  return png(width, height, rgba);
}

async function zipOfPngs(set: Distilled): Promise<Blob> {
  const entries: Entry[] = [];
  const numbers = set.classes.map(() => 0);
  const digits = String(Math.max(...set.counts)).length;
  const folders = classFolders(set.classes);
  for (const [index, label] of set.labels.entries()) {
    const number = (numbers[label] ?? 0) + 1;
    numbers[label] = number;
    const picture = await png(set.width, set.height, set.rgba(index));
    entries.push({
      path: `${folders[label]?.folder ?? label}/${String(number).padStart(digits, "0")}.png`,
      data: new Uint8Array(await picture.arrayBuffer()),
    });
  }
  entries.push({ path: MANIFEST, data: new TextEncoder().encode(manifest(folders)) });
  return zip(entries);
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  link.click();
  // The browser has taken the content by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
