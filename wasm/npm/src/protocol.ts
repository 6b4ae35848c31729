/** What passes between a page and its worker: one message to the worker that begins a job, then messages over the job's own port. */
import type { AttarErrorCode } from "./errors.js";
import type { DistilledHeader, EvaluationSettings, Recipe } from "./glue/attar.js";
import type { Accuracy, EngineName, LabelledImages, Progress, WatchOptions } from "./types.js";

/** A distilled set as plain data. */
export interface DistilledData extends DistilledHeader {
  pixels: Uint8Array;
  labels: Uint32Array;
  soft?: Float32Array;
  /** The .attar file, of a finished set. */
  bytes?: Uint8Array;
}

interface WatchedRequest {
  watch: Required<WatchOptions>;
}

export interface DistillRequest extends WatchedRequest {
  kind: "distill";
  images: LabelledImages;
  recipe: Recipe;
  engine: EngineName;
  checkpoint?: Uint8Array;
  pool?: Uint8Array;
  timeBudget?: number;
  /** Milliseconds; none without. */
  previewEvery?: number;
  checkpointEvery?: number;
}

export interface EvaluateRequest extends WatchedRequest {
  kind: "evaluate";
  trainOn: { file: Uint8Array } | { images: LabelledImages };
  test: LabelledImages;
  settings: EvaluationSettings;
  engine: EngineName;
}

export type Request = DistillRequest | EvaluateRequest;
export type Outcome<R extends Request> = R extends DistillRequest ? DistilledData : Accuracy;

/** What a job's options say of how it is watched. */
export const watchOf = ({ log = "off", profile = false }: WatchOptions): Required<WatchOptions> => ({ log, profile });

/** Begins a job. */
export interface Start {
  attar: "start";
  module: WebAssembly.Module;
  request: Request;
  port: MessagePort;
}

/** From the page. */
export type Order = "pause" | "resume" | "finish" | "abort" | "checkpoint";

/** From the worker. */
export type Report =
  | { is: "progress"; progress: Progress }
  | { is: "share"; done: number; total: number }
  | { is: "preview"; set: DistilledData }
  | { is: "checkpoint"; bytes: Uint8Array }
  /** The answer to the order "checkpoint"; none if the job has ended. */
  | { is: "saved"; bytes: Uint8Array | undefined }
  | { is: "done"; outcome: DistilledData | Accuracy }
  | { is: "failed"; code: AttarErrorCode; message: string; kept?: DistilledData };

/** What a job tells as it goes. */
export interface Sink {
  progress?(progress: Progress): void;
  share?(done: number, total: number): void;
  preview?(set: DistilledData): void;
  checkpoint?(bytes: Uint8Array): void;
}

/** What can be asked of a job. */
export interface JobControl {
  pause(): void;
  resume(): void;
  finish(): void;
  abort(): void;
  /** Nothing if the job ends first. */
  checkpoint(): Promise<Uint8Array | undefined>;
}

/** The buffers of a message that its sender has no use for afterwards. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer);
    else if (typeof value === "object" && value !== null && !Array.isArray(value) && !isOpaque(value)) Object.values(value).forEach(visit);
  };
  visit(value);
  return [...found];
}

function isOpaque(value: object): boolean {
  return value instanceof WebAssembly.Module || value instanceof MessagePort;
}
