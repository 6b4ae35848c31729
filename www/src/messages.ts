// What the page says: one region for what screen readers announce, and one sentence for each thing that can go wrong.

import { AttarError } from "attar/inlined";
import { byId, make } from "./dom.ts";

/** Announces progress politely; the same words twice are announced once. */
export function announce(text: string): void {
  const region = byId("announcements", HTMLElement);
  if (region.textContent !== text) {
    region.textContent = text;
  }
}

export type Tone = "problem" | "note";

/** Puts sentences into a place of the page that is announced when it changes; none clears it. */
export function say(place: HTMLElement, tone: Tone, ...sentences: string[]): void {
  place.replaceChildren(...sentences.map((sentence) => make("p", { class: `message ${tone}` }, sentence)));
}

/** One sentence about an error, and what to do next. */
export function explain(error: unknown): string {
  if (error instanceof AttarError) {
    return sentence(fromEngine(error));
  }
  if (error instanceof DOMException && error.name === "QuotaExceededError") {
    return "The browser has no storage left for this page: free some, or choose smaller pictures.";
  }
  if (error instanceof RangeError) {
    return "The browser has no memory left for this: choose a smaller size or fewer pictures.";
  }
  return sentence(error instanceof Error ? error.message : String(error));
}

function fromEngine(error: AttarError): string {
  switch (error.code) {
    case "device-lost":
      return "The graphics device was lost; the run is kept, and can go on from its last checkpoint.";
    case "out-of-memory":
    case "limit":
      return `There is not enough memory for these settings (${error.message}): choose a smaller size or fewer pictures.`;
    case "non-finite":
      return "The numbers ran out of bounds: start again with another seed.";
    default:
      return error.message;
  }
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Whether an error only says that the user stopped something. */
export function isAbort(error: unknown): boolean {
  return (
    (error instanceof AttarError && error.code === "aborted") ||
    (error instanceof DOMException && error.name === "AbortError")
  );
}
