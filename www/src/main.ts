// The page that distils: pictures, settings, run, result.

import "./style.css";
import { ClassList } from "./classes.ts";
import { showClasses } from "./classes-view.ts";
import { byId, show } from "./dom.ts";
import { openDoor } from "./door.ts";
import { announce, explain, isAbort, say } from "./messages.ts";
import { prepare } from "./prepare.ts";
import { ResultView } from "./result.ts";
import { loadStart, offerResumption } from "./resume.ts";
import type { Start } from "./run.ts";
import { RunView } from "./run-view.ts";
import { judge, SettingsForm } from "./settings.ts";
import { startShell } from "./shell.ts";
import { openStore, type SavedRun, type Store } from "./store.ts";
import { thumbnailsAfter } from "./thumbnails.ts";
import type { Sets } from "./judgement.ts";

const classes = new ClassList();
const form = new SettingsForm(showJudgement);
const run = new RunView();
const result = new ResultView();
const startButton = byId("start", HTMLButtonElement);
let store: Store | undefined;

startShell();
const door = openDoor(classes);
showClasses(classes, door);
classes.watch(() => {
  form.suggest(classes.all);
  showJudgement();
});
byId("settings-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void begin();
});
void (async () => {
  store = await openStore();
  await offerKept();
  document.documentElement.dataset["ready"] = "true";
})();

/** Offers the run that is kept, if there is one. */
async function offerKept(): Promise<void> {
  if (store) {
    await offerResumption(store, {
      onContinue: (start, test) => void follow(start, test),
      onShow: (sets, saved) => result.show(sets, saved),
    });
  }
}

/** Keeps what is said under the settings in step with the pictures and the form. */
function showJudgement(): void {
  const { problems, notes, summary } = judge(classes.all, form.read());
  show(byId("settings", HTMLElement), classes.all.length > 0);
  byId("settings-summary", HTMLElement).textContent = summary;
  say(byId("settings-problems", HTMLElement), "problem", ...problems);
  say(byId("settings-notes", HTMLElement), "note", ...notes);
  startButton.disabled = problems.length > 0 || run.busy;
}

/** Decodes the pictures, keeps them, and distils. */
async function begin(): Promise<void> {
  if (run.busy) {
    return;
  }
  result.hide();
  show(byId("resume", HTMLElement), false);
  const settings = form.read();
  const { signal, onProgress } = run.reading();
  showJudgement();
  try {
    const prepared = prepare(classes.all, settings, signal, onProgress);
    thumbnailsAfter(prepared);
    const { train, test, originals, skipped } = await prepared;
    for (const sentence of skipped) {
      run.note(sentence);
    }
    const saved: SavedRun = {
      started: Date.now(),
      settings,
      originals,
      state: "running",
      reached: { fraction: 0, seconds: 0 },
    };
    await keep(saved, train, test);
    signal.throwIfAborted();
    await follow({ saved, train, checkpoint: undefined }, test);
  } catch (error) {
    run.abandon();
    showJudgement();
    startButton.focus();
    // What was offered before is still there, or this run is, if its pictures had been kept.
    await offerKept();
    if (isAbort(error)) {
      announce("Cancelled.");
    } else {
      say(byId("settings-problems", HTMLElement), "problem", explain(error));
    }
  }
}

async function keep(saved: SavedRun, train: Sets["train"], test: Sets["test"]): Promise<void> {
  try {
    if (!store) {
      throw new Error("This browser gives the page no storage, or another tab of it is open and has it.");
    }
    await store.begin(saved, train, test);
  } catch (error) {
    run.note(`The run will be lost if the page is reloaded. ${explain(error)}`);
  }
}

/** Follows a run, then shows its result or what can be done. */
async function follow(start: Start, test: Sets["test"]): Promise<void> {
  result.hide();
  const outcome = await run.follow(start, store);
  showJudgement();
  switch (outcome.kind) {
    case "finished":
      run.hide();
      result.show({ distilled: outcome.set, train: start.train, test }, outcome.saved);
      break;
    case "cancelled":
      run.hide();
      // Whoever cancelled by mistake can take it up again.
      await offerKept();
      byId("resume", HTMLElement).querySelector("h2")?.focus();
      break;
    case "failed":
      run.failed(outcome.error, ways(start, test));
      break;
  }
}

/** After a failure: from the last checkpoint, with the same engine or with the one that needs no graphics device. */
function ways(start: Start, test: Sets["test"]): { text: string; act: () => void }[] {
  const again = async (engine: SavedRun["settings"]["engine"]): Promise<void> => {
    const saved = (await store?.run()) ?? start.saved;
    const next = { ...saved, settings: { ...saved.settings, engine } };
    await follow(store ? { ...(await loadStart(store, next)), train: start.train } : start, test);
  };
  return [
    { text: "Go on from the last checkpoint", act: () => void again(start.saved.settings.engine) },
    { text: "Go on with the CPU", act: () => void again("cpu") },
  ];
}
