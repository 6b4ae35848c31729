/** The module worker: `new Worker(new URL("attar/worker", import.meta.url), { type: "module" })`. */
import { serve } from "./serve.js";

serve();
