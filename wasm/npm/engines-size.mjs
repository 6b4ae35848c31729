// Tells what a module of the engines alone weighs, and refuses one that is over its budget: node engines-size.mjs MODULE
import { gzipped, kilobytes, optimise } from "./optimised.mjs";

// 250 times 1024 bytes, in kB.
const BUDGET = 256;

const [module] = process.argv.slice(2);
const to = `${module}.optimised`;
await optimise(module, to);
const size = kilobytes((await gzipped(to)).length);
console.log(`the engines: ${size} kB gzipped of at most ${BUDGET}`);
process.exitCode = size > BUDGET ? 1 : 0;
