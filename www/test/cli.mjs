// The command line, to read back what the page gives.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CLI = process.env.ATTAR_CLI ?? fileURLToPath(new URL("../../target/release/attar", import.meta.url));

/** Options of a test that uses it. */
export const NEEDS_CLI = { skip: !existsSync(CLI) && "no command line: build it, or name it in ATTAR_CLI" };

/** What it tells of a set. */
export const inspect = (file) => execFileSync(CLI, ["inspect", file], { encoding: "utf8" });
