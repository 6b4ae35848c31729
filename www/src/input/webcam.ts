// Pictures from the camera, into a named class: one at a click, or many while the button is held.

import { byId, show } from "../dom.ts";
import { plural } from "../format.ts";
import { say } from "../messages.ts";
import type { Picture } from "./gather.ts";

/** Between two pictures while the button is held, in milliseconds. */
const INTERVAL = 200;
/** Side of the pictures taken: more than any size that can be distilled. */
const SIDE = 256;

/** The camera dialogue; `onPictures` gets what was taken when it is closed. */
export class Camera {
  readonly #dialog = byId("camera", HTMLDialogElement);
  readonly #video = byId("camera-video", HTMLVideoElement);
  readonly #name = byId("camera-class", HTMLInputElement);
  readonly #shoot = byId("camera-shoot", HTMLButtonElement);
  readonly #count = byId("camera-count", HTMLElement);
  readonly #message = byId("camera-message", HTMLElement);
  readonly #onPictures: (pictures: Picture[]) => void;
  #stream: MediaStream | undefined;
  #taken: Picture[] = [];
  #holding: number | undefined;

  constructor(onPictures: (pictures: Picture[]) => void) {
    this.#onPictures = onPictures;
    this.#shoot.addEventListener("pointerdown", () => this.#hold());
    for (const event of ["pointerup", "pointerleave", "pointercancel"]) {
      this.#shoot.addEventListener(event, () => this.#release());
    }
    // The keyboard clicks; a pointer has taken its picture when it went down.
    this.#shoot.addEventListener("click", (event) => {
      if (event.detail === 0) {
        void this.#take();
      }
    });
    this.#dialog.addEventListener("close", () => this.#close());
  }

  async open(className: string): Promise<void> {
    this.#taken = [];
    this.#name.value = className;
    this.#showCount();
    say(this.#message, "note");
    this.#shoot.disabled = true;
    this.#dialog.showModal();
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
    } catch {
      say(
        this.#message,
        "problem",
        "The camera cannot be used: allow it for this page in the browser's settings, or choose files instead.",
      );
      return;
    }
    if (!this.#dialog.open) {
      this.#stop();
      return;
    }
    this.#video.srcObject = this.#stream;
    await this.#video.play();
    this.#shoot.disabled = false;
    show(this.#video, true);
  }

  #hold(): void {
    void this.#take();
    this.#holding ??= window.setInterval(() => void this.#take(), INTERVAL);
  }

  #release(): void {
    clearInterval(this.#holding);
    this.#holding = undefined;
  }

  async #take(): Promise<void> {
    const { videoWidth, videoHeight } = this.#video;
    const side = Math.min(videoWidth, videoHeight);
    const folder = this.#name.value.trim();
    if (side === 0 || folder === "") {
      say(
        this.#message,
        "problem",
        folder === "" ? "Give the class a name first." : "The camera shows nothing yet: wait a moment.",
      );
      return;
    }
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    canvas
      .getContext("2d")
      ?.drawImage(this.#video, (videoWidth - side) / 2, (videoHeight - side) / 2, side, side, 0, 0, SIDE, SIDE);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    this.#taken.push({ folder, file: new File([blob], `camera ${this.#taken.length + 1}.jpg`, { type: blob.type }) });
    say(this.#message, "note");
    this.#showCount();
  }

  #showCount(): void {
    this.#count.textContent =
      this.#taken.length === 0 ? "None taken yet" : `${plural(this.#taken.length, "picture")} taken`;
  }

  #close(): void {
    this.#release();
    this.#stop();
    if (this.#taken.length > 0) {
      this.#onPictures(this.#taken);
    }
  }

  /** Turns the camera, and its light, off. */
  #stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.stop();
    }
    this.#stream = undefined;
    this.#video.srcObject = null;
  }
}
