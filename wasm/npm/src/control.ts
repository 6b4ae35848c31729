/** The gate that a job passes between two units of work. */
import { aborted } from "./errors.js";
import type { JobControl } from "./protocol.js";

/** Longest time without a look at what has been asked meanwhile. */
const TURN_AFTER = 15;

export class Control implements JobControl {
  /** Milliseconds spent paused. */
  idle = 0;
  #paused = false;
  #finishing = false;
  #aborted = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #asked: ((bytes: Uint8Array | undefined) => void)[] = [];
  #turned = performance.now();

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }
  finish(): void {
    this.#finishing = true;
    this.#wake?.();
  }
  abort(): void {
    this.#aborted = true;
    this.#wake?.();
  }
  checkpoint(): Promise<Uint8Array | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      this.#wake?.();
    });
  }

  /**
   * Lets messages in, answers what they ask for, and waits as long as the job is paused.
   * Whether to go on; throws if the job was aborted.
   */
  async pass(save?: () => Promise<Uint8Array>): Promise<boolean> {
    if (performance.now() - this.#turned > TURN_AFTER) {
      await turn();
      this.#turned = performance.now();
    }
    const start = performance.now();
    for (;;) {
      if (this.#aborted) throw aborted();
      if (save && this.#asked.length > 0) {
        const bytes = await save();
        // Each asker gets bytes of its own, which it may hand on.
        this.#asked.splice(0).forEach((answer, index) => answer(index === 0 ? bytes : bytes.slice()));
      }
      if (this.#finishing) return false;
      if (!this.#paused) break;
      await new Promise<void>((wake) => (this.#wake = wake));
      this.#wake = undefined;
    }
    this.idle += performance.now() - start;
    return true;
  }

  /** The job is over: nothing that was asked for will come. */
  close(): void {
    this.#closed = true;
    this.#asked.splice(0).forEach((answer) => answer(undefined));
  }
}

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** One turn of the event loop. Timers would be slowed down to 4 ms, and to a second in a tab in the background. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    // In Node, an open channel would keep the process from ending.
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
      return;
    }
    if (!channel) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}
