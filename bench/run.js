// @ts-check
/**
 * npm run bench [-- [--quick] [--rounds 5] [--node 20|24] [--baseline folder] [question ...]]
 *
 * See README.md for how to read what it prints.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compile, currentNode, node24, root } from "../scripts/tools.mjs";
import { measure } from "./lib/measure.js";
import { formatTable, judge, summarise } from "./lib/table.js";

/** @typedef {import("./lib/question.js").Question} Question */

const bench = import.meta.dirname;
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    node: { type: "string" },
    /** The folder of another build of channelkit, which becomes a row. */
    baseline: { type: "string" },
  },
});

const isQuick = options.quick;
const node = options.node === "24" ? node24() : currentNode();
const settings = {
  node: node.path,
  rounds: Number(options.rounds ?? (isQuick ? 2 : 5)),
  warmupMs: isQuick ? 100 : 300,
  ms: isQuick ? 400 : 2000,
  baseline: options.baseline === undefined ? undefined : resolve(options.baseline),
};

if (!existsSync(join(bench, "node_modules"))) {
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts=false"], { cwd: bench, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
compile("tsconfig.build.json");

const start = new Date();
const environment = describeEnvironment();
console.log(Object.values(environment).join(" · "));
console.log(
  `${settings.rounds} interleaved rounds of ${settings.ms} ms each${isQuick ? ", quick: for a first look" : ""}`,
);

const results = [];
for (const [name, question] of await findQuestions()) {
  const baselines = settings.baseline === undefined ? [] : ["baseline"];
  /** @type {Map<string, import("./lib/table.js").Summaries>} */
  const earlier = new Map();
  for (const load of question.loads.filter(({ isSlow = false }) => !(isQuick && isSlow))) {
    const rows = [...(load.rows ?? question.rows), ...baselines];
    const rateOf = (/** @type {string} */ row) => {
      const capacity = earlier.get(load.shareOf ?? "")?.[row]?.["rate"]?.median;
      return capacity === undefined ? undefined : capacity * (load.share ?? 1);
    };
    // Memory is steady, and its servers are started anew for each round.
    const roundsNow = isQuick && load.run.kind === "memory" ? 1 : settings.rounds;
    const rounds = await measure(load, rows, { ...settings, rounds: roundsNow }, rateOf);
    const summaries = Object.fromEntries([...rounds].map(([row, figures]) => [row, summarise(figures)]));
    earlier.set(load.name, summaries);
    const bars = (question.bars ?? []).filter((bar) => bar.load === load.name).map((bar) => judge(bar, summaries));
    console.log(`\n${name} · ${load.name}\n${formatTable(question.figures, summaries)}`);
    for (const { text } of bars) console.log(`  ${text}`);
    results.push({ question: name, load: load.name, bars, rows: summaries, rounds: Object.fromEntries(rounds) });
  }
}

const seconds = Math.round((Date.now() - start.getTime()) / 1000);
const stamp = start.toISOString().slice(0, 16).replaceAll(":", "");
const file = join(bench, "results", `${stamp}-node${node.major}${isQuick ? "-quick" : ""}.json`);
mkdirSync(join(bench, "results"), { recursive: true });
writeFileSync(file, `${JSON.stringify({ start, seconds, environment, settings, results }, undefined, 2)}\n`);
console.log(`\n${seconds} s, written to ${file}`);

/** @returns {Promise<[string, Question][]>} */
async function findQuestions() {
  const names = readdirSync(join(bench, "questions")).map((entry) => entry.replace(/\.js$/, ""));
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`no such question: ${unknown.join(", ")}. There are ${names.join(", ")}`);
    process.exit(1);
  }
  const questions = [];
  for (const name of names) {
    const { question } = /** @type {{ question: Question }} */ (await import(`./questions/${name}.js`));
    if (wanted.length > 0 ? wanted.includes(name) : !(isQuick && question.isSlow === true)) {
      questions.push(/** @type {[string, Question]} */ ([name, question]));
    }
  }
  return questions;
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
