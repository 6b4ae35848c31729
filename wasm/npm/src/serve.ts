/** The worker's side: serves jobs, each over its own port. */
import { Control } from "./control.js";
import { attarError } from "./errors.js";
import init from "./glue/attar.js";
import { runJob } from "./jobs.js";
import { buffersOf, type DistilledData, type Order, type Report, type Start } from "./protocol.js";

let started: Promise<unknown> | undefined;

/** Listens for jobs in this worker. */
export function serve(): void {
  addEventListener("message", (event: MessageEvent<Start | undefined>) => {
    if (event.data?.attar === "start") void job(event.data);
  });
  // Tells the page that the script is loaded.
  postMessage({ attar: "ready" });
}

async function job({ module, request, port }: Start): Promise<void> {
  const send = (report: Report): void => port.postMessage(report, buffersOf(report));
  const control = new Control();
  port.onmessage = (event: MessageEvent<Order>) => {
    const order = event.data;
    if (order === "checkpoint") void control.checkpoint().then((bytes) => send({ is: "saved", bytes }));
    else control[order]();
  };
  try {
    await (started ??= init({ module_or_path: module }));
    const outcome = await runJob(request, control, {
      progress: (progress) => send({ is: "progress", progress }),
      share: (done, total) => send({ is: "share", done, total }),
      preview: (set) => send({ is: "preview", set }),
      checkpoint: (bytes) => send({ is: "checkpoint", bytes }),
    });
    send({ is: "done", outcome });
  } catch (thrown) {
    const error = attarError(thrown);
    const kept = error.kept as DistilledData | undefined;
    send({ is: "failed", code: error.code, message: error.message, ...(kept && { kept }) });
  }
}
