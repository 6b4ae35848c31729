// The page that opens an .attar file: the images, what they were made with, and how.

import "./style.css";
import { readDistilled, type Distilled } from "attar/inlined";
import { LossChart } from "./charts.ts";
import { byId, goTo, make, show } from "./dom.ts";
import { showDownloads } from "./downloads.ts";
import { bytes, count, plural, span } from "./format.ts";
import { Grid } from "./grid.ts";
import { announce, explain, say } from "./messages.ts";
import { startShell } from "./shell.ts";

/** No set of a browser comes near it. */
const LARGEST = 500e6;

const messages = byId("share-messages", HTMLElement);
const grid = new Grid(byId("share-grid", HTMLElement));
const chart = new LossChart(byId("share-chart", HTMLElement));
const input = byId("share-file", HTMLInputElement);

startShell();
input.addEventListener("change", () => {
  void open(input.files?.[0]);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  void open(event.dataTransfer?.files[0]);
});

async function open(file: File | undefined): Promise<void> {
  if (!file) {
    return;
  }
  if (file.size > LARGEST) {
    say(messages, "problem", `“${file.name}” has ${bytes(file.size)}, which is no distilled set.`);
    return;
  }
  try {
    display(file, await readDistilled(new Uint8Array(await file.arrayBuffer())));
    say(messages, "note");
  } catch (error) {
    say(messages, "problem", `“${file.name}” cannot be opened. ${explain(error)}`);
  }
}

function display(file: File, set: Distilled): void {
  const section = byId("shared", HTMLElement);
  show(section, true);
  byId("share-title", HTMLElement).textContent = file.name;
  void grid.draw(set);
  chart.set(set.losses);
  show(byId("share-losses", HTMLElement), set.losses.units.length > 0);
  const facts: [string, string][] = [
    ["Images", `${count(set.labels.length)}, ${span(set.counts)} per class`],
    ["Classes", set.classes.join(", ")],
    ["Size", `${set.width} × ${set.height}, ${set.channels === 1 ? "grey" : "colour"}`],
    ["Small pictures", set.factor > 1 ? `${plural(set.factor ** 2, "picture")} on each image` : "one on each image"],
    ["Labels", set.soft ? "class probabilities" : "classes"],
    ["Method", set.method],
    ["Seed", String(set.seed)],
    ["Made from", `data with fingerprint ${set.fingerprint}`],
    ["File", bytes(file.size)],
  ];
  byId("share-facts", HTMLDListElement).replaceChildren(
    ...facts.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
  byId("share-recipe", HTMLElement).textContent = JSON.stringify(set.recipe, undefined, 2);
  showDownloads(byId("share-downloads", HTMLUListElement), messages, set);
  goTo(section);
  announce(`${file.name} is open.`);
}
