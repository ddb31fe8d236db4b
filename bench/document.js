// @ts-check
/**
 * node bench/document.js [results file ...]
 *
 * Writes what was measured into docs/performance.md. Without a file, what the last full run of each Node has.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/tools.mjs";
import { describeResults, mergeRuns, replaceFigures } from "./lib/document.js";

const results = join(import.meta.dirname, "results");
const page = join(root, "docs", "performance.md");

const files = process.argv.length > 2 ? process.argv.slice(2) : findLastFullRuns();
if (files.length === 0) {
  console.error("no full run has been measured. Type: npm run bench");
  process.exit(1);
}
const runs = files.map(
  (file) => /** @type {import("./lib/document.js").Results} */ (JSON.parse(readFileSync(file, "utf8"))),
);
const header = (/** @type {string} */ name) =>
  readFileSync(join(import.meta.dirname, "questions", `${name}.js`), "utf8");
writeFileSync(page, replaceFigures(readFileSync(page, "utf8"), describeResults(mergeRuns(runs), header)));
console.log(`${files.join(", ")}: in ${page}`);

function findLastFullRuns() {
  const full = readdirSync(results).filter((name) => /-node\d+\.json$/.test(name));
  const last = new Map(full.toSorted().map((name) => [/node\d+/.exec(name)?.[0], name]));
  return [...last.values()].map((name) => join(results, name));
}
