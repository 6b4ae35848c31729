import type { Distilled } from "./types.js";

/** Who must act: see the README's table. */
export type AttarErrorCode =
  | "shape" | "limit" | "device-lost" | "out-of-memory" | "non-finite" | "data" | "format" | "recipe" | "engine"
  | "aborted" | "unsupported";

/** Every error of this package. The message is one sentence that says what to do. */
export class AttarError extends Error {
  readonly code: AttarErrorCode;
  /** After "non-finite": the images of the last good iteration. */
  kept?: Distilled;

  constructor(code: AttarErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AttarError";
    this.code = code;
  }
}

/** Anything thrown, as an AttarError. */
export function attarError(thrown: unknown): AttarError {
  if (thrown instanceof AttarError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = (thrown as { code?: unknown } | null)?.code;
  return new AttarError(typeof code === "string" ? (code as AttarErrorCode) : "engine", message, { cause: thrown });
}

export function aborted(signal?: AbortSignal): AttarError {
  return new AttarError("aborted", "the work was cancelled", { cause: signal?.reason });
}

/** Calls into the WebAssembly, whose errors become ours. */
export function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw attarError(thrown);
  }
}
