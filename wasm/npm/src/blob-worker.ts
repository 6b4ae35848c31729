/** A new module worker with this source. */
export function workerOf(source: string): Worker {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  // The worker has the source in hand once it sends its first message.
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
