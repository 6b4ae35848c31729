// Curves of losses, as SVG that takes its colours from the page.

import type { Losses, LossPoint } from "attar/inlined";
import { figure } from "./format.ts";

/** A loss at a unit. */
interface Point {
  unit: number;
  value: number;
}

const WIDTH = 320;
const HEIGHT = 120;
const PAD = { left: 40, right: 8, top: 18, bottom: 20 };
const MOST_POINTS = 240;
const SVG = "http://www.w3.org/2000/svg";

/** Keeps a curve of each loss in a place of the page; both axes grow with the points. */
export class LossChart {
  readonly #place: HTMLElement;
  #points: LossPoint[] = [];
  #planned = false;

  constructor(place: HTMLElement) {
    this.#place = place;
  }

  add(point: LossPoint): void {
    const last = this.#points.at(-1);
    // Progress within an iteration repeats the losses of the one before.
    if (last?.unit === point.unit) {
      return;
    }
    // A run that goes on from a checkpoint repeats a few iterations.
    if (last && point.unit < last.unit) {
      this.#points = this.#points.filter(({ unit }) => unit < point.unit);
    }
    this.#points.push(point);
    this.#plan();
  }

  set({ names, units, values }: Losses): void {
    this.#points = units.map((unit, at) => {
      const row = values.slice(at * names.length, (at + 1) * names.length);
      return { unit, values: Object.fromEntries(row.map((value, column) => [names[column], value])) };
    });
    this.#plan();
  }

  clear(): void {
    this.#points = [];
    this.#plan();
  }

  #plan(): void {
    if (!this.#planned) {
      this.#planned = true;
      setTimeout(() => {
        this.#planned = false;
        this.#place.replaceChildren(...curves(this.#points).map(([name, points]) => draw(name, thin(points))));
      }, 100);
    }
  }
}

/** The points of each loss, but of those that a run does without, which are 0 all along. */
function curves(points: readonly LossPoint[]): [string, Point[]][] {
  const names = Object.keys(points[0]?.values ?? {});
  const all = names.map((name): [string, Point[]] => [
    name,
    points.map(({ unit, values }) => ({ unit, value: values[name] ?? 0 })),
  ]);
  const used = all.filter(([, curve]) => curve.some(({ value }) => value !== 0));
  return used.length > 0 ? used : [all[0] ?? ["", []]];
}

/** At most so many points that each has a place of its own: the mean of neighbours. */
function thin(points: readonly Point[]): Point[] {
  const group = Math.ceil(points.length / MOST_POINTS);
  const thinned: Point[] = [];
  for (let at = 0; at < points.length; at += group) {
    const part = points.slice(at, at + group);
    const mean = (of: (point: Point) => number): number =>
      part.reduce((sum, point) => sum + of(point), 0) / part.length;
    thinned.push({
      unit: mean(({ unit }) => unit),
      value: mean(({ value }) => value),
    });
  }
  return thinned;
}

function draw(name: string, points: readonly Point[]): SVGElement {
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "chart" });
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) {
    svg.setAttribute("aria-label", "The loss, of which there is no value yet");
    return svg;
  }
  svg.setAttribute(
    "aria-label",
    `The ${name} loss over the iterations, from ${figure(first.value)} to ${figure(last.value)} now`,
  );
  const values = points.map(({ value }) => value);
  const [low, high] = widen(Math.min(...values), Math.max(...values));
  const x = (unit: number): number =>
    PAD.left + ((unit - first.unit) / Math.max(1, last.unit - first.unit)) * (WIDTH - PAD.left - PAD.right);
  const y = (value: number): number => PAD.top + (1 - (value - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(
      element("line", { x1: PAD.left, x2: WIDTH - PAD.right, y1: y(value), y2: y(value), class: "chart-rule" }),
      text(figure(value), { x: PAD.left - 6, y: y(value) + 3, "text-anchor": "end" }),
    );
  }
  svg.append(
    text(name, { x: WIDTH - PAD.right, y: 10, "text-anchor": "end" }),
    text(`iteration ${Math.round(first.unit)}`, { x: PAD.left, y: HEIGHT - 5, "text-anchor": "start" }),
    text(String(Math.round(last.unit)), { x: WIDTH - PAD.right, y: HEIGHT - 5, "text-anchor": "end" }),
    element("polyline", {
      points: points.map(({ unit, value }) => `${x(unit).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
      class: "chart-line",
    }),
    element("circle", { cx: x(last.unit), cy: y(last.value), r: 3, class: "chart-dot" }),
  );
  return svg;
}

/** A range that is not empty. */
function widen(low: number, high: number): [number, number] {
  const spread = high - low;
  return spread > 0 ? [low, high] : [low - Math.abs(low) / 10 - 1e-6, high + Math.abs(high) / 10 + 1e-6];
}

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, String(value));
  }
  return made;
}

function text(content: string, attributes: Record<string, string | number>): SVGElement {
  const made = element("text", { class: "chart-text", ...attributes });
  made.textContent = content;
  return made;
}
