// Where pictures come in: dropped, chosen, taken with the camera, or the sample.

import type { ClassList } from "./classes.ts";
import { byId } from "./dom.ts";
import { plural } from "./format.ts";
import { fromDrop, fromFiles, type Gathering } from "./input/gather.ts";
import { sample } from "./input/sample.ts";
import { Camera } from "./input/webcam.ts";
import { announce, explain, say } from "./messages.ts";

export interface Door {
  /** Opens the camera for a class. */
  camera(className: string): void;
  /** Adds what was chosen for a class; whether there were pictures. */
  add(className: string, files: readonly File[]): Promise<boolean>;
}

/** Connects everything that brings pictures with the list of classes. */
export function openDoor(classes: ClassList): Door {
  const messages = byId("input-messages", HTMLElement);
  const tell = (problems: readonly string[]): void => {
    say(messages, "problem", ...problems);
    if (problems.length > 0) {
      // The card that was added to may be far below.
      messages.scrollIntoView({ block: "nearest" });
    }
  };
  const take = async (gathering: Promise<Gathering>, className?: string): Promise<boolean> => {
    say(messages, "note", "Looking through the files…");
    try {
      const { pictures, problems } = await gathering;
      if (pictures.length === 0 && problems.length === 0) {
        problems.push("There are no pictures in there: drop a folder that holds a folder of pictures for each class.");
      }
      if (pictures.length > 0) {
        classes.add(pictures, className);
        const where = className ? ` to ${className}` : `, now in ${plural(classes.all.length, "class", "classes")}`;
        announce(`${plural(pictures.length, "picture")} added${where}.`);
      }
      tell(problems);
      return pictures.length > 0;
    } catch (error) {
      tell([explain(error)]);
      return false;
    }
  };
  for (const id of ["choose-folder", "choose-files"]) {
    const input = byId(id, HTMLInputElement);
    input.addEventListener("change", () => {
      const files = [...(input.files ?? [])];
      // So that choosing the same again is a change, too.
      input.value = "";
      void take(fromFiles(files));
    });
  }
  byId("use-sample", HTMLButtonElement).addEventListener("click", () => void take(sample()));
  const camera = new Camera((pictures) => {
    classes.add(pictures);
    announce(`${plural(pictures.length, "picture")} added.`);
  });
  byId("use-camera", HTMLButtonElement).addEventListener("click", () => void camera.open(""));
  acceptDrops((transfer) => void take(fromDrop(transfer)));
  acceptPaste((files) => void take(fromFiles(files)));
  return {
    camera: (className) => void camera.open(className),
    add: (className, files) => take(fromFiles(files), className),
  };
}

/** Anywhere on the page, so that a near miss does not make the browser leave it. */
function acceptDrops(onDrop: (transfer: DataTransfer) => void): void {
  const zone = byId("drop-zone", HTMLElement);
  let inside = 0;
  const mark = (change: number): void => {
    inside = Math.max(0, inside + change);
    zone.classList.toggle("over", inside > 0);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-Infinity);
    if (event.dataTransfer) {
      onDrop(event.dataTransfer);
    }
  });
}

function acceptPaste(onPaste: (files: File[]) => void): void {
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) {
      event.preventDefault();
      onPaste(files);
    }
  });
}
