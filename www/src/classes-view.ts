// The list of classes: one card each, with its name to edit, its count and thumbnails.

import { ClassList, type PictureClass } from "./classes.ts";
import { button, byId, make, show } from "./dom.ts";
import type { Door } from "./door.ts";
import { plural } from "./format.ts";
import { announce } from "./messages.ts";
import { thumbnails } from "./thumbnails.ts";

/** Keeps the list on the page equal to the list of classes, whose cards add pictures by the door. */
export function showClasses(classes: ClassList, door: Door): void {
  const list = byId("class-list", HTMLUListElement);
  const section = byId("classes", HTMLElement);
  const summary = byId("class-summary", HTMLElement);
  const undo = byId("undo", HTMLButtonElement);
  const cards = new Map<number, { shown: PictureClass; card: HTMLLIElement }>();

  const changed = (sentence?: string): void => {
    if (sentence) {
      announce(sentence);
    }
    show(undo, true);
  };
  undo.addEventListener("click", () => {
    classes.undo();
    show(undo, false);
    announce("The last change was taken back.");
    summary.focus();
  });
  byId("clear", HTMLButtonElement).addEventListener("click", () => {
    classes.clear();
    changed("All classes were removed.");
  });

  const update = (): void => {
    const focus = focused(list);
    const order = classes.all.map((one) => {
      const known = cards.get(one.id);
      // Cards of classes that did not change stay, with their thumbnails.
      const card = known?.shown === one ? known.card : makeCard(one, classes, changed, door);
      cards.set(one.id, { shown: one, card });
      return card;
    });
    for (const id of cards.keys()) {
      if (!classes.all.some((one) => one.id === id)) {
        cards.delete(id);
      }
    }
    list.replaceChildren(...order);
    fillMergeMenus(list, classes);
    restore(list, focus, summary);
    show(section, classes.all.length > 0 || !undo.hidden);
    summary.textContent = `${plural(classes.all.length, "class", "classes")}, ${plural(classes.pictures, "picture")}`;
  };
  classes.watch(update);
}

/** Lets a change be undone, and announces it unless that is done. */
type Changed = (sentence?: string) => void;

function makeCard(one: PictureClass, classes: ClassList, changed: Changed, door: Door): HTMLLIElement {
  const name = make("input", {
    type: "text",
    value: one.name,
    "aria-label": "Name of the class",
    "data-part": "name",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "80",
  });
  name.addEventListener("change", () => {
    const wanted = name.value.trim();
    if (wanted === "") {
      name.value = one.name;
      return;
    }
    const merged = classes.all.find((other) => other.name === wanted && other.id !== one.id);
    classes.rename(one.id, wanted);
    changed(merged ? `${one.name} was merged into ${merged.name}.` : `${one.name} is now called ${wanted}.`);
  });
  const merge = make("select", {
    "aria-label": `Merge ${one.name} into another class`,
    "data-part": "merge",
    "data-id": String(one.id),
  });
  merge.addEventListener("change", () => {
    const into = classes.all.find(({ id }) => id === Number(merge.value));
    if (into) {
      classes.merge(one.id, into.id);
      changed(`${one.name} was merged into ${into.name}.`);
    }
  });
  const remove = button(
    "Remove",
    () => {
      classes.remove(one.id);
      changed(`${one.name} was removed.`);
    },
    { class: "quiet", "aria-label": `Remove ${one.name}`, "data-part": "remove" },
  );
  const camera = button("Camera", () => door.camera(one.name), {
    class: "quiet",
    "aria-label": `Camera: take pictures of ${one.name}`,
    "data-part": "camera",
  });
  return make(
    "li",
    { class: "card", "data-id": String(one.id) },
    make("div", { class: "card-head" }, name, make("span", { class: "count" }, plural(one.files.length, "picture"))),
    thumbnails(one.files),
    make("div", { class: "card-actions" }, addFiles(one, changed, door), camera, merge, remove),
  );
}

/** A label that looks like the buttons beside it, around a file input that the keyboard reaches. */
function addFiles(one: PictureClass, changed: Changed, door: Door): HTMLLabelElement {
  const input = make("input", {
    type: "file",
    multiple: true,
    accept: "image/*,.zip",
    class: "visually-hidden",
    "aria-label": `Add pictures to ${one.name}`,
    "data-part": "add",
  });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // So that choosing the same again is a change, too.
    input.value = "";
    void door.add(one.name, files).then((added) => {
      if (added) {
        changed();
      }
    });
  });
  return make("label", { class: "quiet button" }, "Add", input);
}

function fillMergeMenus(list: HTMLElement, classes: ClassList): void {
  for (const menu of list.querySelectorAll<HTMLSelectElement>("select[data-part=merge]")) {
    const others = classes.all.filter(({ id }) => String(id) !== menu.dataset["id"]);
    menu.replaceChildren(
      make("option", { value: "" }, "Merge into…"),
      ...others.map(({ id, name }) => make("option", { value: String(id) }, name)),
    );
    menu.disabled = others.length === 0;
  }
}

interface Focus {
  id: string | undefined;
  part: string | undefined;
}

/** Which control of which card has the focus, since a changed card is made anew. */
function focused(list: HTMLElement): Focus | undefined {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || !list.contains(element)) {
    return undefined;
  }
  return { id: element.closest<HTMLElement>("li")?.dataset["id"], part: element.dataset["part"] };
}

function restore(list: HTMLElement, focus: Focus | undefined, otherwise: HTMLElement): void {
  if (focus && document.activeElement === document.body) {
    const part = list.querySelector<HTMLElement>(`li[data-id="${focus.id}"] [data-part="${focus.part}"]`);
    (part ?? otherwise).focus();
  }
}
