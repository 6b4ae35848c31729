import assert from "node:assert/strict";
import test from "node:test";

import { distill } from "attar";

import { quick, stripes } from "./images.mjs";

const short = { ...quick, seed: undefined, iterations: 1 };
const seedOf = async (options = {}) => (await distill(stripes(), { ...short, ...options }).result).seed;

/** Has `work` see these random numbers instead of Node's. */
async function withCrypto(crypto, work) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(globalThis, "crypto", own);
  }
}

test("a drawn seed is another each time, of 32 bits, and told", async () => {
  const [first, second] = [await seedOf(), await seedOf()];
  for (const seed of [first, second]) assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32, `${seed}`);
  assert.notEqual(first, second);
});

test("a seed is drawn from the platform's random bits, all of them, and only where none is given", async () => {
  let draws = 0;
  const getRandomValues = (bytes) => (draws++, bytes.fill(0xfe));
  const seeds = await withCrypto({ getRandomValues }, async () => [
    await seedOf(),
    await seedOf({ seed: 5 }),
    await seedOf({ recipe: { ...quick.recipe, seed: 6 } }),
    await seedOf({ seed: 7, recipe: { ...quick.recipe, seed: 6 } }),
  ]);
  assert.deepEqual(seeds, [0xfefefefe, 5, 6, 7]);
  assert.equal(draws, 1);
});

test("where there are no random bits, a seed must be given", async () => {
  await withCrypto(undefined, async () => {
    await assert.rejects(seedOf(), { name: "AttarError", code: "unsupported", message: /give a seed$/ });
    assert.equal(await seedOf({ seed: 5 }), 5);
  });
});
