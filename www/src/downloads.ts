// The result as files: the set itself, a picture of all, a zip of single pictures, and NumPy arrays.

import type { Distilled } from "attar/inlined";
import { button, make } from "./dom.ts";
import { bytes } from "./format.ts";
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
  { name: "Zip of PNGs", what: "a folder a class, for any training code", file: "distilled.zip", content: zipOfPngs },
  {
    name: ".npz arrays",
    what: "for NumPy and PyTorch",
    file: "distilled.npz",
    content: async (set) => new Blob([set.npz().slice()], { type: "application/octet-stream" }),
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
  const folders = distinct(set.classes);
  for (const [index, label] of set.labels.entries()) {
    const number = (numbers[label] ?? 0) + 1;
    numbers[label] = number;
    const picture = await png(set.width, set.height, set.rgba(index));
    entries.push({
      path: `${folders[label] ?? label}/${String(number).padStart(digits, "0")}.png`,
      data: new Uint8Array(await picture.arrayBuffer()),
    });
  }
  return zip(entries);
}

/** Names that every file system takes, no two of them the same. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const plain = name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").replace(/^\.+|[. ]+$/g, "_") || "_";
    let chosen = plain;
    for (let number = 2; taken.has(chosen.toLowerCase()); number += 1) {
      chosen = `${plain} ${number}`;
    }
    taken.add(chosen.toLowerCase());
    return chosen;
  });
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  link.click();
  // The browser has taken the content by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
