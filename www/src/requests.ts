// Counts what the page has asked of the network since it was loaded. The browser itself keeps the list.

import { byId } from "./dom.ts";
import { plural } from "./format.ts";

/** Shows the count in the page's header, from the end of loading on. */
export function countRequests(): void {
  const place = byId("request-count", HTMLElement);
  let requests = 0;
  let blocked = 0;
  const update = (): void => {
    const stopped = blocked > 0 ? `, ${blocked} blocked` : "";
    place.textContent = `${plural(requests, "request")} since load${stopped}`;
    place.dataset["count"] = String(requests);
  };
  const watch = (): void => {
    const loaded = performance.now();
    new PerformanceObserver((list) => {
      requests += list
        .getEntries()
        .filter(({ name, startTime }) => startTime > loaded && !/^(blob|data):/.test(name)).length;
      update();
    }).observe({ type: "resource", buffered: true });
    update();
  };
  document.addEventListener("securitypolicyviolation", () => {
    blocked += 1;
    update();
  });
  if (document.readyState === "complete") {
    watch();
  } else {
    addEventListener("load", watch, { once: true });
  }
}
