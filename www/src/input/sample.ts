// The sample set, which comes with the page: 500 pictures of Fashion-MNIST (MIT licence, Zalando SE).

import { SAMPLE_ZIP } from "../generated/sample.ts";
import { fromFiles, type Gathering } from "./gather.ts";

export function sample(): Promise<Gathering> {
  const letters = atob(SAMPLE_ZIP);
  const archive = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) {
    archive[at] = letters.charCodeAt(at);
  }
  return fromFiles([new File([archive], "sample.zip")]);
}
