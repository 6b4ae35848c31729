// The synthetic images as they form: one row a class, each row a canvas.

import type { Distilled } from "attar/inlined";
import { make } from "./dom.ts";
import { plural } from "./format.ts";

const PER_LINE = 10;
/** Pixels between two images, in a canvas of this scale. */
const GAP = 2;
/** Milliseconds of drawing before other work gets its turn. */
const SLICE = 12;

export class Grid {
  readonly #place: HTMLElement;
  #rows: HTMLCanvasElement[] = [];
  #layout = "";
  #latest: Distilled | undefined;
  #drawing = false;

  constructor(place: HTMLElement) {
    this.#place = place;
  }

  /** Draws these images, or, while others are being drawn, as soon as that is done; only the newest wait. */
  async draw(images: Distilled): Promise<void> {
    this.#latest = images;
    if (this.#drawing) {
      return;
    }
    this.#drawing = true;
    try {
      while (this.#latest) {
        const next = this.#latest;
        this.#latest = undefined;
        await this.#drawAll(next);
      }
    } finally {
      this.#drawing = false;
    }
  }

  clear(): void {
    this.#place.replaceChildren();
    this.#layout = "";
  }

  async #drawAll(images: Distilled): Promise<void> {
    this.#prepare(images);
    const { width, height, counts, labels } = images;
    const columns = Math.min(Math.max(...counts), PER_LINE);
    const drawn = images.classes.map(() => 0);
    let since = performance.now();
    for (const [index, label] of labels.entries()) {
      const context = this.#rows[label]?.getContext("2d");
      const at = drawn[label] ?? 0;
      drawn[label] = at + 1;
      const x = (at % columns) * (width + GAP);
      const y = Math.floor(at / columns) * (height + GAP);
      context?.putImageData(new ImageData(images.rgba(index), width, height), x, y);
      if (performance.now() - since > SLICE) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        since = performance.now();
      }
    }
  }

  /** Makes the rows, if these images need others than those that are there. */
  #prepare({ classes, counts, width, height }: Distilled): void {
    const layout = JSON.stringify([classes, counts, width, height]);
    if (layout === this.#layout) {
      return;
    }
    this.#layout = layout;
    const columns = Math.min(Math.max(...counts), PER_LINE);
    this.#rows = classes.map((name, index) => {
      const images = counts[index] ?? 0;
      // A class without images keeps its name and an empty line.
      const lines = Math.max(1, Math.ceil(images / columns));
      const canvas = make("canvas", {
        role: "img",
        "aria-label": `${plural(images, "synthetic image")} of ${name}`,
      });
      canvas.width = columns * (width + GAP) - GAP;
      canvas.height = lines * (height + GAP) - GAP;
      // Few images a class are drawn larger, up to a point.
      canvas.style.setProperty("--share", String(Math.min(1, Math.max(columns, 3) / PER_LINE + 0.2)));
      return canvas;
    });
    this.#place.replaceChildren(
      ...classes.map((name, index) => {
        const row = make(
          "div",
          { class: "grid-row" },
          make("span", { class: "grid-name", title: name, "aria-hidden": "true" }, name),
        );
        row.append(this.#rows[index] ?? "");
        return row;
      }),
    );
  }
}
