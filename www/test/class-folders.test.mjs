// Names of class folders, which the command line has rules for, too: `src/data/class_folders.rs` has the same cases.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { transformWithOxc } from "vite";

const source = new URL("../src/files/class-folders.ts", import.meta.url);
const { code } = await transformWithOxc(readFileSync(source, "utf8"), source.pathname);
const { classFolders, ClassNames, manifest } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

const folders = (...classes) => classFolders(classes).map(({ folder }) => folder);

test("names are safe and tell apart", () => {
  const cases = {
    "T-shirt/top": "T-shirt%2Ftop",
    "../../etc": "%2E.%2F..%2Fetc",
    "..": "%2E%2E",
    "": "~1",
    "a:b\0c": "a%3Ab%00c",
    nul: "nul~1",
    "COM1.x": "COM1%2Ex",
    "lpt²": "lpt²~1",
    COM: "COM",
    "Ankle boot ": "Ankle boot%20",
    "100%": "100%",
    "100%25": "100%2525",
    "cat~2": "cat%7E2",
    "~cat~": "~cat~",
    "Thumbs.db": "Thumbs.db~1",
    "lost+found": "lost+found~1",
    "Icon\r": "Icon%0D",
    "cafe\u0301": "caf\u00e9",
  };
  for (const [name, folder] of Object.entries(cases)) assert.deepEqual(folders(name), [folder]);
  assert.deepEqual(folders("Cat", "cat", "cat~2", "CAT"), ["Cat", "cat~2", "cat%7E2", "CAT~3"]);
  assert.deepEqual(folders("caf\u00e9", "cafe\u0301"), ["caf\u00e9", "caf\u00e9~2"]);
  const long = "猫".repeat(100);
  assert.deepEqual(folders(`${long}a`, `${long}b`), ["~1", "~2"].map((mark) => "猫".repeat(40) + mark));
});

test("names come back", () => {
  const classes = ["T-shirt/top", "Cat", "cat", "cafe\u0301"];
  const written = classFolders(classes);
  const names = new ClassNames();
  assert.equal(names.add("toys/classes.json", manifest(written)), true);
  assert.deepEqual(written.map(({ folder }) => names.of(`toys/${folder}/0.png`)), classes);
  assert.equal(names.of("Cat/0.png"), "Cat");
  assert.equal(names.of("0.png"), undefined);
  for (const other of ["", "{}", '["cat"]', "[null]"]) assert.equal(names.add("classes.json", other), false);
});
