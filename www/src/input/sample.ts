// The sample set, which comes with the page: 500 pictures of Fashion-MNIST (MIT licence, Zalando SE).

import { SAMPLE_ZIP } from "../generated/sample.ts";
import { fromFiles, type Gathering } from "./gather.ts";

export function sample(): Promise<Gathering> {
  const archive = Uint8Array.from(atob(SAMPLE_ZIP), (character) => character.charCodeAt(0));
  return fromFiles([new File([archive], "sample.zip")]);
}
