/** Starts a job in a worker or in this thread, which then look alike. */
import { Control } from "./control.js";
import { core, wasmModule } from "./core.js";
import { AttarError, attarError, type AttarErrorCode } from "./errors.js";
import { spawn } from "./host.js";
import { runJob } from "./jobs.js";
import { buffersOf, type JobControl, type Order, type Outcome, type Report, type Request, type Sink, type Start } from "./protocol.js";
import type { DistilledData } from "./protocol.js";
import type { WorkerChoice } from "./types.js";

export interface Job<T> {
  control: JobControl;
  outcome: Promise<T>;
}

/** An error of a worker: what it kept is still plain data. */
export class JobError extends AttarError {
  constructor(code: AttarErrorCode, message: string, readonly keptData?: DistilledData) {
    super(code, message);
  }
}

export async function startJob<R extends Request>(request: R, sink: Sink, choice: WorkerChoice | undefined): Promise<Job<Outcome<R>>> {
  if (choice === false || (choice === undefined && typeof Worker === "undefined")) {
    await core();
    const control = new Control();
    return { control, outcome: runJob(request, control, sink) };
  }
  const module = await wasmModule();
  // A worker that the caller made is the caller's to end.
  const lent = typeof choice === "object";
  const worker = lent ? choice : (choice ?? spawn)();
  return inWorker<Outcome<R>>(worker, lent, module, request, sink);
}

function inWorker<T>(worker: Worker, lent: boolean, module: WebAssembly.Module, request: Request, sink: Sink): Job<T> {
  const { port1: port, port2 } = new MessageChannel();
  let closed = false;
  const asked: ((bytes: Uint8Array | undefined) => void)[] = [];
  let end!: { done(outcome: T): void; failed(error: unknown): void };
  const outcome = new Promise<T>((done, failed) => (end = { done, failed }));
  const onError = (event: Event): void => {
    event.preventDefault();
    const why = event instanceof ErrorEvent && event.message ? event.message : "its script could not be loaded";
    close();
    end.failed(new AttarError("engine", `the worker failed: ${why}`));
  };
  const close = (): void => {
    closed = true;
    port.close();
    worker.removeEventListener("error", onError);
    if (!lent) worker.terminate();
    asked.splice(0).forEach((answer) => answer(undefined));
  };
  worker.addEventListener("error", onError);
  port.onmessage = ({ data }: MessageEvent<Report>) => {
    switch (data.is) {
      case "progress": return sink.progress?.(data.progress);
      case "share": return sink.share?.(data.done, data.total);
      case "preview": return sink.preview?.(data.set);
      case "checkpoint": return sink.checkpoint?.(data.bytes);
      case "saved": return asked.shift()?.(data.bytes);
      case "done": return close(), end.done(data.outcome as T);
      case "failed": return close(), end.failed(new JobError(data.code, data.message, data.kept));
    }
  };
  const start: Start = { attar: "start", module, request, port: port2 };
  worker.postMessage(start, [port2, ...buffersOf(request)]);
  const order = (order: Order): void => port.postMessage(order);
  const control: JobControl = {
    pause: () => order("pause"),
    resume: () => order("resume"),
    finish: () => order("finish"),
    abort: () => {
      order("abort");
      // Ours is ended at once, in the middle of a unit if need be.
      if (lent) return;
      close();
      end.failed(new AttarError("aborted", "the work was cancelled"));
    },
    checkpoint: async () => {
      if (closed) return undefined;
      order("checkpoint");
      return new Promise((answer) => asked.push(answer));
    },
  };
  return { control, outcome };
}

/** Has `signal` abort the job; the outcome, with errors as they reach the caller. */
export async function abortable<T>(job: Job<T>, signal: AbortSignal | undefined): Promise<T> {
  const abort = (): void => job.control.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await job.outcome;
  } catch (thrown) {
    throw attarError(thrown);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
