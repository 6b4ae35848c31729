// A run that an earlier visit left: to go on with, to look at, or to discard.

import { readDistilled } from "attar/inlined";
import { button, byId, make, show } from "./dom.ts";
import { percent, plural } from "./format.ts";
import { explain, say } from "./messages.ts";
import type { Sets } from "./judgement.ts";
import type { Start } from "./run.ts";
import type { SavedRun, Store } from "./store.ts";

export interface Resumption {
  /** Goes on with a run that was not finished. */
  onContinue(start: Start, test: Sets["test"]): void;
  /** Shows a run that was. */
  onShow(sets: Sets, saved: SavedRun): void;
}

/** Of a run that is waiting, the pictures and the settings are kept, but no checkpoint yet. */
type Stage = "waiting" | "begun" | "finished";

/** Offers what is kept, if there is something. */
export async function offerResumption(store: Store, resumption: Resumption): Promise<void> {
  const place = byId("resume", HTMLElement);
  const saved = await store.run();
  if (!saved) {
    // Pictures that were not stored to the end are as good as none.
    await store.clear();
    return;
  }
  const stage = await stageOf(saved, store);
  const close = (): void => show(place, false);
  const act = (what: () => Promise<void>): void => {
    what().then(close, (error: unknown) => say(byId("resume-message", HTMLElement), "problem", explain(error)));
  };
  const go =
    stage === "finished"
      ? button("Show the result", () => act(async () => resumption.onShow(await loadResult(store), saved)), {
          class: "primary",
          id: "resume-show",
        })
      : button(
          stage === "begun" ? "Continue the run" : "Start the run",
          () => act(async () => resumption.onContinue(await loadStart(store, saved), await store.images("test"))),
          { class: "primary", id: "resume-continue" },
        );
  const discard = button("Discard it", () => act(() => store.discard(saved)), { id: "resume-discard" });
  place.replaceChildren(
    make("h2", { tabindex: "-1" }, title(saved, stage)),
    make("p", {}, description(saved, stage)),
    make("div", { id: "resume-message", "aria-live": "polite" }),
    make("div", { class: "actions" }, go, discard),
  );
  show(place, true);
}

async function stageOf({ state }: SavedRun, store: Store): Promise<Stage> {
  if (state === "finished") {
    return "finished";
  }
  return (await store.lastCheckpoint()) ? "begun" : "waiting";
}

export async function loadStart(store: Store, saved: SavedRun): Promise<Start> {
  return { saved, train: await store.images("train"), checkpoint: await store.lastCheckpoint() };
}

async function loadResult(store: Store): Promise<Sets> {
  const bytes = await store.result();
  if (!bytes) {
    throw new Error("The result of the saved run is gone: the browser removed it.");
  }
  return {
    distilled: await readDistilled(bytes),
    train: await store.images("train"),
    test: await store.images("test"),
  };
}

function title({ started }: SavedRun, stage: Stage): string {
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(started);
  const titles = {
    waiting: `Start the run of ${when} again?`,
    begun: `Continue the run of ${when}?`,
    finished: `The result of ${when}`,
  };
  return titles[stage];
}

function description({ originals, settings, reached }: SavedRun, stage: Stage): string {
  const what = `${plural(originals.pictures, "picture")}, ${plural(settings.imagesPerClass, "image")} per class at ${settings.size} × ${settings.size}`;
  const states = {
    waiting: `${what}. It has reached nothing yet, so it starts from the beginning.`,
    begun: `${what}, ${percent(reached.fraction, 0)} done.`,
    finished: `${what}.`,
  };
  return `${states[stage]} It is kept in this browser only.`;
}
