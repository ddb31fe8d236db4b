// @ts-check
/**
 * node bench/document.js [results file]
 *
 * Writes what a run has measured into docs/performance.md. Without a file, what the last full run has.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/tools.mjs";
import { describeResults, replaceFigures } from "./lib/document.js";

const results = join(import.meta.dirname, "results");
const page = join(root, "docs", "performance.md");

const file = process.argv[2] ?? findLastFullRun();
if (file === undefined) {
  console.error("no full run has been measured. Type: npm run bench");
  process.exit(1);
}
const run = /** @type {import("./lib/document.js").Results} */ (JSON.parse(readFileSync(file, "utf8")));
const header = (/** @type {string} */ name) =>
  readFileSync(join(import.meta.dirname, "questions", `${name}.js`), "utf8");
writeFileSync(page, replaceFigures(readFileSync(page, "utf8"), describeResults(run, header)));
console.log(`${file} is in ${page}`);

function findLastFullRun() {
  const last = readdirSync(results)
    .filter((name) => /-node\d+\.json$/.test(name))
    .toSorted()
    .at(-1);
  return last === undefined ? undefined : join(results, last);
}
