// "What a small network learns from it": three trainings in the tab, tested on images that none of them saw.

import {
  evaluate,
  randomImages,
  type Accuracy,
  type Distilled,
  type EngineName,
  type LabelledImages,
} from "attar/inlined";
import { byId, make, show } from "./dom.ts";
import { percent, plural, span } from "./format.ts";
import { announce, explain, isAbort, say } from "./messages.ts";

/** Batches that each network is trained for, at most: enough to tell the sets apart, and under a minute for all on most machines. */
const STEPS = 100;

export interface Sets {
  distilled: Distilled;
  train: LabelledImages;
  test: LabelledImages;
}

interface Line {
  name: string;
  images(): Promise<Distilled | LabelledImages>;
  bar: HTMLElement;
  value: HTMLElement;
}

/** The comparison, which runs by itself and can be stopped. */
export class Judge {
  readonly #place = byId("judgement", HTMLElement);
  readonly #stop = byId("judgement-stop", HTMLButtonElement);
  readonly #again = byId("judgement-again", HTMLButtonElement);
  readonly #status = byId("judgement-status", HTMLElement);
  readonly #messages = byId("judgement-messages", HTMLElement);
  #running: AbortController | undefined;
  #sets: { sets: Sets; engine: EngineName } | undefined;

  constructor() {
    this.#stop.addEventListener("click", () => this.stop());
    this.#again.addEventListener("click", () => {
      if (this.#sets) {
        void this.judge(this.#sets.sets, this.#sets.engine);
      }
    });
  }

  stop(): void {
    this.#running?.abort();
  }

  async judge(sets: Sets, engine: EngineName): Promise<void> {
    this.stop();
    this.#sets = { sets, engine };
    const running = new AbortController();
    this.#running = running;
    show(this.#stop, true);
    show(this.#again, false);
    say(this.#messages, "note");
    const lines = this.#lines(sets);
    this.#place.dataset["state"] = "running";
    let protocol: Accuracy | undefined;
    try {
      for (const line of lines) {
        protocol = await this.#measure(line, sets, engine, running.signal);
      }
      this.#place.dataset["state"] = "done";
      this.#status.textContent = summary(protocol, sets);
      announce("The comparison is done.");
    } catch (error) {
      this.#place.dataset["state"] = "stopped";
      this.#status.textContent = "Stopped.";
      show(this.#again, true);
      if (!isAbort(error)) {
        say(this.#messages, "problem", explain(error));
      }
    } finally {
      if (this.#running === running) {
        this.#running = undefined;
        show(this.#stop, false);
      }
    }
  }

  async #measure(line: Line, { distilled, test }: Sets, engine: EngineName, signal: AbortSignal): Promise<Accuracy> {
    const images = await line.images();
    const accuracy = await evaluate(images, test, {
      engine,
      signal,
      seed: distilled.seed,
      mostSteps: STEPS,
      // All three networks see images normalised and augmented in the same way.
      normalisation: { mean: distilled.mean, std: distilled.std },
      invariance: distilled.recipe.invariance,
      onProgress: (done, total) => {
        this.#status.textContent = `Training on ${line.name}: ${percent(done / Math.max(1, total), 0)}`;
      },
    });
    line.bar.style.setProperty("--value", String(accuracy.mean));
    line.bar.classList.add("measured");
    line.value.textContent = `${percent(accuracy.mean)} ± ${percent(accuracy.deviation)}`;
    line.value.dataset["accuracy"] = String(accuracy.mean);
    return accuracy;
  }

  #lines({ distilled, train }: Sets): Line[] {
    const { counts } = distilled;
    const [own, random, all] = [
      this.#line(`the ${plural(distilled.labels.length, "distilled image")}`, async () => distilled),
      this.#line(`${span(counts)} random real ${Math.max(...counts) === 1 ? "image" : "images"} a class`, () =>
        randomImages(train, counts, distilled.seed),
      ),
      this.#line(`all ${plural(train.labels.length, "real image")}`, async () => train),
    ];
    own.bar.classList.add("own");
    const lines = [own, random, all];
    this.#place.replaceChildren(
      ...lines.map(({ name, bar, value }) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", { class: "bar-cell", "aria-hidden": "true" }, bar),
          make("td", { class: "bar-value" }, value),
        ),
      ),
    );
    for (const { bar } of lines) {
      bar.style.setProperty("--chance", String(1 / distilled.classes.length));
    }
    return lines;
  }

  #line(name: string, images: Line["images"]): Line {
    return { name, images, bar: make("div", { class: "bar" }), value: make("span", {}, "…") };
  }
}

/** Below this, a few images more or less decide. */
const FEW_TESTS = 300;

function summary(accuracy: Accuracy | undefined, { test }: Sets): string {
  const networks = accuracy
    ? `Mean and deviation of ${plural(accuracy.repeats, "network")} (protocol “${accuracy.protocol}”)`
    : "Accuracy";
  const tests = test.labels.length;
  const caution = tests < FEW_TESTS ? ` With so few, ${percent(1 / Math.sqrt(tests), 0)} more or less may be chance.` : "";
  return `${networks} on ${plural(tests, "real image")} held out. The mark is what guessing gets.${caution}`;
}
