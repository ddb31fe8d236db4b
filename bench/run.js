// @ts-check
/**
 * npm run bench [-- [--quick] [--rounds 5] [--node 20|24] [--baseline folder of a build] [question ...]]
 *
 * See README.md for how to read what it prints.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { compile, currentNode, node24, root } from "../scripts/tools.mjs";
import { ArgumentError, readArguments, usage } from "./lib/arguments.js";
import { usableCpus } from "./lib/cpu.js";
import { judge } from "./lib/judge.js";
import { measure } from "./lib/measure.js";
import { summarise } from "./lib/statistics.js";
import { cellsOf, formatTable, formatVerdict } from "./lib/table.js";

/** @typedef {import("./lib/question.js").Question} Question */
/** @typedef {import("./lib/question.js").Load} Load */

// Processes of the suite end with their standard input, which this one's end closes.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

const bench = import.meta.dirname;
const names = readdirSync(join(bench, "questions")).map((entry) => entry.replace(/\.js$/, ""));
const { isQuick, rounds, wanted, baseline, ...asked } = readOrExplain();
const node = findNode();
const settings = { node: node.path, rounds, warmupMs: isQuick ? 100 : 200, ms: isQuick ? 300 : 1000, baseline };

if (!existsSync(join(bench, "node_modules"))) {
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts=false"], { cwd: bench, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
compile("tsconfig.build.json");

const start = new Date();
const environment = describeEnvironment();
console.log(Object.values(environment).join(" · "));
console.log(`${rounds} interleaved rounds of ${settings.ms} ms each${isQuick ? ", quick: rows that carry a bar" : ""}`);
if (usableCpus().length < 2) console.log("server and load share the only CPU: read no rates");

const results = [];
for (const [name, question] of await findQuestions()) {
  /** @type {Map<string, Map<string, import("./lib/statistics.js").Figures[]>>} */
  const earlier = new Map();
  for (const load of question.loads.filter(({ isSlow = false }) => !(isQuick && isSlow))) {
    const rateOf = (/** @type {string} */ row) => {
      const capacity = summarise(earlier.get(load.shareOf ?? "")?.get(row) ?? [])["rate"]?.median;
      return capacity === undefined ? undefined : capacity * (load.share ?? 1);
    };
    // Memory is steady, and its servers are started anew for each round.
    const roundsNow = isQuick && load.run.kind === "memory" ? 1 : rounds;
    const measured = await measure(load, rowsOf(question, load), { ...settings, rounds: roundsNow }, rateOf);
    earlier.set(load.name, measured);
    const verdicts = barsOf(question, load).map((bar) => judge(bar, measured));
    const table = cellsOf(question.figures, measured);
    console.log(`\n${name} · ${load.name}\n${formatTable(table)}`);
    for (const verdict of verdicts) console.log(`  ${formatVerdict(verdict)}`);
    results.push({ question: name, load: load.name, table, verdicts, rounds: Object.fromEntries(measured) });
  }
}

const seconds = Math.round((Date.now() - start.getTime()) / 1000);
const stamp = start.toISOString().slice(0, 19).replaceAll(":", "");
const kind = `${isQuick ? "-quick" : ""}${wanted.length > 0 ? "-some" : ""}`;
const file = join(bench, "results", `${stamp}-node${node.major}${kind}.json`);
mkdirSync(join(bench, "results"), { recursive: true });
writeFileSync(file, `${JSON.stringify({ start, seconds, environment, settings, results }, undefined, 2)}\n`);
console.log(`\n${seconds} s, written to ${file}`);

function readOrExplain() {
  try {
    return readArguments(process.argv.slice(2), names);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

function findNode() {
  const current = currentNode();
  const found = asked.node === "24" ? node24() : current;
  if (asked.node === undefined || found.major === Number(asked.node)) return found;
  console.error(`there is no Node ${asked.node} at hand, only ${current.version} and 24`);
  process.exit(1);
}

/** @returns {Promise<[string, Question][]>} */
async function findQuestions() {
  const questions = [];
  for (const name of names) {
    const { question } = /** @type {{ question: Question }} */ (await import(`./questions/${name}.js`));
    if (wanted.length > 0 ? wanted.includes(name) : !(isQuick && question.isSlow === true)) {
      questions.push(/** @type {[string, Question]} */ ([name, question]));
    }
  }
  return questions;
}

/**
 * All of them; in the quick form those that a bar is about, so that there is time to measure these well.
 *
 * @param {Question} question
 * @param {Load} load
 */
function rowsOf(question, load) {
  const rows = load.rows ?? question.rows;
  const of = barsOf(question, load).map((bar) => bar.of ?? "channelkit");
  const against = barsOf(question, load).flatMap((bar) => bar.against ?? []);
  const isShown = (/** @type {string} */ row) => of.includes(row) || against.includes(row);
  const shown = isQuick && against.length > 0 ? rows.filter(isShown) : rows;
  return baseline === undefined ? shown : [...shown, "baseline"];
}

/**
 * @param {Question} question
 * @param {Load} load
 */
function barsOf({ bars = [] }, load) {
  return bars.filter((bar) => bar.load === load.name);
}

function describeEnvironment() {
  const [cpu] = cpus();
  const commit = execFileSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8" }).trim();
  const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(bench, "package.json"), "utf8"))
  );
  return {
    commit: `commit ${commit}`,
    machine: `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    node: `Node ${node.version}`,
    peers: Object.entries(dependencies)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  };
}
