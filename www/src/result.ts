// The result on the page: the images, what they are worth, and the files to take away.

import type { Distilled } from "attar/inlined";
import { byId, goTo, show } from "./dom.ts";
import { showDownloads } from "./downloads.ts";
import { bytes, count, plural } from "./format.ts";
import { Grid } from "./grid.ts";
import { Judge, type Sets } from "./judgement.ts";
import { say } from "./messages.ts";
import type { Originals, SavedRun } from "./store.ts";

export class ResultView {
  readonly #section = byId("result", HTMLElement);
  readonly #grid = new Grid(byId("result-grid", HTMLElement));
  readonly #messages = byId("result-messages", HTMLElement);
  readonly #judge = new Judge();

  show(sets: Sets, { originals, settings, diverged }: SavedRun): void {
    const { distilled } = sets;
    show(this.#section, true);
    say(this.#messages, "note", ...(diverged ? [divergence(distilled)] : []));
    void this.#grid.draw(distilled);
    byId("result-caption", HTMLElement).textContent = caption(distilled);
    byId("result-size", HTMLElement).textContent = sizes(distilled, originals);
    showDownloads(byId("downloads", HTMLUListElement), this.#messages, distilled);
    goTo(this.#section);
    void this.#judge.judge(sets, settings.engine);
  }

  hide(): void {
    this.#judge.stop();
    show(this.#section, false);
  }
}

function divergence({ losses }: Distilled): string {
  const iterations = losses.units.at(-1);
  const kept = iterations === undefined ? "at its start" : `after ${plural(iterations, "iteration")}`;
  return `The numbers ran out of bounds, so this is the set as it was ${kept}. Another seed may get further.`;
}

function caption({ factor, labels, classes }: Distilled): string {
  const parts = factor > 1 ? ` Each holds ${factor ** 2} small pictures, which training unpacks.` : "";
  return `${plural(labels.length, "image")}, ${plural(classes.length, "class", "classes")}.${parts}`;
}

function sizes({ bytes: file }: Distilled, originals: Originals): string {
  const ratio = originals.bytes / file.length;
  const compared = ratio >= 1.05 ? `: ${ratio >= 10 ? count(ratio) : ratio.toFixed(1)} times smaller` : "";
  return `${bytes(file.length)} instead of ${bytes(originals.bytes)} for the ${plural(originals.pictures, "picture")} it was made from${compared}.`;
}
