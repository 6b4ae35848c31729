// What all pages share: the theme, the count of requests, and working without a network.

import { byId } from "./dom.ts";
import { countRequests } from "./requests.ts";

const THEME = "attar-theme";

export function startShell(): void {
  countRequests();
  startTheme();
  void workOffline();
}

/** Light or dark as the system has it, or as the button says. */
function startTheme(): void {
  const toggle = byId("theme", HTMLButtonElement);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const current = (): string => document.documentElement.dataset["theme"] ?? (dark.matches ? "dark" : "light");
  const label = (): void => {
    toggle.setAttribute("aria-label", current() === "dark" ? "Use light colours" : "Use dark colours");
  };
  const kept = remembered();
  if (kept) {
    document.documentElement.dataset["theme"] = kept;
  }
  toggle.addEventListener("click", () => {
    const theme = current() === "dark" ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme;
    remember(theme);
    label();
  });
  dark.addEventListener("change", label);
  label();
}

// Storage is refused in some frames and private windows; then the theme is not remembered.
function remembered(): string | null {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    return;
  }
}

/** Lets the service worker keep the page's files, and says so on the page. */
async function workOffline(): Promise<void> {
  const place = byId("offline", HTMLElement);
  try {
    if (import.meta.env.PROD && "serviceWorker" in navigator) {
      await navigator.serviceWorker.register("./sw.js");
      await navigator.serviceWorker.ready;
      place.textContent = "Works offline";
      place.dataset["ready"] = "true";
    }
  } catch {
    // Without HTTPS or in some frames there are no service workers; the page works all the same.
    place.textContent = "";
  }
}
