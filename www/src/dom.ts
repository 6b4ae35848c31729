// The little that the page needs of a framework: elements by id with their type, and elements made in one expression.

type Child = Node | string;

/** The element of the page with this id, which must be of this kind. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) {
    throw new Error(`the page has no ${kind.name} with the id ${id}`);
  }
  return element;
}

/** A new element. Attributes that are `false` are left out, those that are `true` stand without a value. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | boolean> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

/** A button that does something. */
export function button(
  text: string,
  onClick: () => void,
  attributes: Record<string, string | boolean> = {},
): HTMLButtonElement {
  const element = make("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", onClick);
  return element;
}

/** Shows or hides a part of the page. */
export function show(element: HTMLElement, visible: boolean): void {
  element.hidden = !visible;
}

/** Scrolls to a part of the page and moves the focus to its heading, so that a screen reader goes along. */
export function goTo(section: HTMLElement): void {
  const heading = section.querySelector<HTMLElement>("h2");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  section.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  heading?.focus({ preventScroll: true });
}

/** The next frame, or soon if the tab is in the background, where there are none. */
export function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    if (document.hidden) {
      setTimeout(resolve, 0);
    } else {
      requestAnimationFrame(() => resolve());
    }
  });
}
