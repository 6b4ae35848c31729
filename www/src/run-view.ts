// The run on the page: images as they form, the loss, and what the engine is doing.

import type { Distilled, EngineReport, LossPoint, Progress } from "attar/inlined";
import { LossChart } from "./charts.ts";
import { button, byId, goTo, make, show } from "./dom.ts";
import { bytes, count, duration, figure, percent } from "./format.ts";
import { Grid } from "./grid.ts";
import { announce, explain, say } from "./messages.ts";
import { ActiveRun, reached, type Outcome, type Start } from "./run.ts";
import type { SavedRun, Store } from "./store.ts";

const TITLE = document.title;
/** Announced to screen readers at each tenth of the run. */
const ANNOUNCED = 10;

export class RunView {
  readonly #section = byId("run", HTMLElement);
  readonly #grid = new Grid(byId("run-grid", HTMLElement));
  readonly #chart = new LossChart(byId("run-chart", HTMLElement));
  readonly #bar = byId("run-bar", HTMLProgressElement);
  readonly #status = byId("run-status", HTMLElement);
  readonly #facts = byId("run-facts", HTMLDListElement);
  readonly #messages = byId("run-messages", HTMLElement);
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #finish = byId("finish", HTMLButtonElement);
  readonly #cancel = byId("cancel", HTMLButtonElement);
  #active: ActiveRun | undefined;
  #stopReading: AbortController | undefined;
  #paused = false;
  #announced = 0;
  #engineReason = "";

  constructor() {
    this.#pause.addEventListener("click", () => this.#togglePause());
    this.#finish.addEventListener("click", () => {
      this.#resumeQuietly();
      this.#active?.finish();
      this.#status.textContent = "Finishing…";
    });
    this.#cancel.addEventListener("click", () => {
      this.#stopReading?.abort();
      void this.#active?.cancel();
      this.#status.textContent = "Cancelling…";
    });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  get busy(): boolean {
    return this.#active !== undefined || this.#stopReading !== undefined;
  }

  /** Opens the section while pictures are being decoded; the signal says that the user cancelled. */
  reading(): { signal: AbortSignal; onProgress: (done: number, total: number) => void } {
    this.#reset();
    this.#stopReading = new AbortController();
    this.#controls("reading");
    goTo(this.#section);
    announce("Reading the pictures.");
    return {
      signal: this.#stopReading.signal,
      onProgress: (done, total) => {
        this.#bar.value = done / Math.max(1, total);
        this.#status.textContent = `Reading pictures: ${count(done)} of ${count(total)}`;
      },
    };
  }

  /** Adds a sentence; `whole`, which the pointer shows, says it with all details. */
  note(sentence: string, whole = ""): void {
    this.#messages.append(
      make("p", { class: "message note", title: whole !== "" && whole !== sentence ? whole : false }, sentence),
    );
  }

  /** Follows a run to its end. */
  async follow(start: Start, store: Store | undefined): Promise<Outcome> {
    if (!this.#stopReading) {
      this.#reset();
      goTo(this.#section);
    }
    this.#stopReading = undefined;
    this.#status.textContent = "Starting the engine…";
    this.#bar.removeAttribute("value");
    this.#controls("running");
    this.#active = new ActiveRun(start, store, {
      onProgress: (progress) => this.#progress(progress, start.saved),
      onPreview: (images) => this.#preview(images),
      onUnsaved: (error) =>
        this.note(`The run goes on, but this browser cannot keep it over a reload: ${explain(error)}`),
    });
    const outcome = await this.#active.outcome;
    this.#active = undefined;
    this.#ended(outcome);
    return outcome;
  }

  /** Gives up before a run began. */
  abandon(): void {
    this.#stopReading = undefined;
    show(this.#section, false);
    document.title = TITLE;
  }

  /** Says why the run ended, and offers ways to go on. */
  failed(error: unknown, ways: { text: string; act: () => void }[]): void {
    say(this.#messages, "problem", explain(error));
    this.#messages.append(make("div", { class: "actions" }, ...ways.map(({ text, act }) => button(text, act))));
  }

  hide(): void {
    show(this.#section, false);
  }

  #reset(): void {
    show(this.#section, true);
    this.#grid.clear();
    this.#chart.clear();
    this.#facts.replaceChildren();
    say(this.#messages, "note");
    this.#bar.value = 0;
    this.#announced = 0;
    this.#engineReason = "";
    this.#paused = false;
  }

  #controls(state: "reading" | "running" | "ended"): void {
    this.#pause.textContent = "Pause";
    show(this.#pause, state === "running");
    show(this.#finish, state === "running");
    show(this.#cancel, state !== "ended");
    show(this.#bar, state !== "ended");
    this.#section.dataset["state"] = state;
    // What an earlier run reached says nothing about this one.
    if (state === "reading") {
      delete this.#section.dataset["losses"];
      delete this.#section.dataset["previews"];
    }
  }

  #progress(progress: Progress, saved: SavedRun): void {
    const fraction = reached(progress, saved);
    this.#bar.value = fraction;
    const choosing = progress.phase === "choose";
    const left = choosing ? (progress.remaining ?? 0) : Math.min(progress.remaining ?? Infinity, saved.settings.budget - progress.seconds);
    if (!this.#paused) {
      this.#status.textContent = `${phase(progress)}, ${duration(left)} left`;
      document.title = `${percent(fraction, 0)} · ${TITLE}`;
    }
    this.#showFacts(progress, saved);
    this.#showEngine(progress.engine);
    if (progress.losses) {
      this.#chart.add(progress.losses);
      this.#section.dataset["losses"] = String(progress.losses.unit);
    }
    const tenth = Math.floor(fraction * ANNOUNCED);
    if (tenth > this.#announced) {
      this.#announced = tenth;
      announce(choosing ? "Choosing what to keep." : `${percent(tenth / ANNOUNCED, 0)} done, ${duration(left)} left.`);
    }
  }

  #showFacts(progress: Progress, saved: SavedRun): void {
    const { engine, losses, pool, seconds, unitsPerSecond, memory } = progress;
    const facts: [string, string][] = [
      ["Engine", engineText(engine)],
      ["Time", `${duration(seconds)} of ${duration(saved.settings.budget)}`],
      ["Iteration", progress.phase === "distill" ? count(progress.done) : losses ? count(losses.unit) : "not yet"],
      ["Rate", `${figure(unitsPerSecond)} updates/s`],
      ["Loss", losses ? lossText(losses) : this.#factText("Loss")],
      ["Networks", pool ? `${percent(pool.done / Math.max(1, pool.total), 0)} trained` : "trained"],
      ["Memory", bytes(memory)],
    ];
    if (this.#facts.childElementCount !== facts.length) {
      this.#facts.replaceChildren(
        ...facts.map(([name]) => make("div", {}, make("dt", {}, name), make("dd", { "data-fact": name }))),
      );
    }
    for (const [name, text] of facts) {
      const place = this.#facts.querySelector(`[data-fact="${name}"]`);
      if (place && place.textContent !== text) {
        place.textContent = text;
      }
    }
  }

  #factText(name: string): string {
    return this.#facts.querySelector(`[data-fact="${name}"]`)?.textContent ?? "";
  }

  /** The reason for an engine is told once; a new one means that the run moved. */
  #showEngine({ reason }: EngineReport): void {
    if (reason && reason !== this.#engineReason) {
      this.#engineReason = reason;
      this.note(brief(reason), reason);
    }
  }

  #preview(images: Distilled): void {
    if (document.hidden) {
      return;
    }
    void this.#grid.draw(images).then(() => {
      const drawn = Number(this.#section.dataset["previews"] ?? 0);
      this.#section.dataset["previews"] = String(drawn + 1);
    });
  }

  #togglePause(): void {
    this.#paused = !this.#paused;
    if (this.#paused) {
      this.#active?.pause();
      this.#status.textContent = "Paused; the run is kept";
      document.title = `Paused · ${TITLE}`;
    } else {
      this.#active?.resume();
      this.#status.textContent = "Going on…";
    }
    this.#pause.textContent = this.#paused ? "Resume" : "Pause";
    this.#section.dataset["state"] = this.#paused ? "paused" : "running";
    announce(this.#paused ? "Paused." : "Going on.");
  }

  #resumeQuietly(): void {
    if (this.#paused) {
      this.#togglePause();
    }
  }

  /** A tab in the background may be ended by the browser, most of all on phones. */
  #visibilityChanged(): void {
    if (this.#active && document.hidden) {
      void this.#active.save();
    } else if (this.#active && !this.#paused) {
      announce("The run went on while the tab was in the background.");
    }
  }

  #ended(outcome: Outcome): void {
    document.title = outcome.kind === "finished" ? `Done · ${TITLE}` : TITLE;
    this.#controls("ended");
    this.#paused = false;
    const words = { finished: "Done", cancelled: "Cancelled", failed: "Stopped" };
    this.#status.textContent = words[outcome.kind];
    announce(`${words[outcome.kind]}.`);
  }
}

function phase({ phase: name, pool }: Progress): string {
  if (name === "pool") {
    return "Training networks to look through";
  }
  if (name === "choose") {
    return "Choosing what to keep";
  }
  return pool && pool.done < pool.total ? "Distilling, and training networks" : "Distilling";
}

/** Each loss after its name; only the figure where there is but one. */
function lossText({ values }: LossPoint): string {
  const losses = Object.entries(values);
  return losses.map(([name, value]) => (losses.length > 1 ? `${name} ${figure(value)}` : figure(value))).join(", ");
}

/** A sentence without what it has in parentheses: what a driver or a library had to say. */
function brief(sentence: string): string {
  return sentence.replace(/ \(.*\)/s, "");
}

function engineText({ name, adapter }: EngineReport): string {
  return name === "webgpu" ? `WebGPU${adapter ? ` (${adapter})` : ""}` : "CPU (WebAssembly)";
}
