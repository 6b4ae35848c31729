/**
 * Attar distils a labelled image set into a few synthetic images per class, where the images are: in this browser, on
 * WebGPU or the CPU, or in Node. See the README.
 */
export { decode } from "./decode.js";
export { distill, methods, suitedRecipe } from "./distill.js";
export { readDistilled } from "./distilled.js";
export { engines } from "./engines.js";
export { AttarError, type AttarErrorCode } from "./errors.js";
export { evaluate } from "./evaluate.js";
export { randomImages, split } from "./images.js";
export { isTooLarge } from "./pixels.js";
export type * from "./types.js";
export { version } from "./version.js";
