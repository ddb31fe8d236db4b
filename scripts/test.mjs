/**
 * npm test [-- [--node 20|24] [part of a file name ...]]
 *
 * The same compiled tests under the Node at hand and under Node 24, and one closing line over both.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundleClient } from "./bundle-client.mjs";
import { ensurePrograms } from "./debian-programs.mjs";
import { compile, currentNode, node24, root } from "./tools.mjs";

/** @typedef {import("./tools.mjs").NodeBinary} NodeBinary */
/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const { values, positionals: filters } = parseArgs({ options: { node: { type: "string" } }, allowPositionals: true });

rmSync(join(root, "dist"), { recursive: true, force: true });
rmSync(join(root, "build"), { recursive: true, force: true });
compile("tsconfig.build.json");
await bundleClient();
compile("tsconfig.test.json");

const allFiles = findTests();
ensurePrograms(allFiles.map((file) => join(root, file)));
const total = { passed: 0, failed: 0, skipped: 0 };
const allNodes = findNodes(values.node);
for (const node of allNodes) {
  const counts = await runTests(node, node === allNodes.at(-1) ? allFiles : allFiles.filter((file) => !isLong(file)));
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}
const ranNone = total.passed + total.failed === 0;
if (ranNone) console.error("no test ran");
if (total.failed > 0 || ranNone) process.exitCode = 1;
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);

/** @returns {string[]} the compiled test files, as paths from the project's root */
function findTests() {
  const folder = join(root, "build", "test");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.js"))
    .filter(
      (path) => filters.length === 0 || filters.some((filter) => `test/${path.split(sep).join("/")}`.includes(filter)),
    )
    .map((path) => join(relative(root, folder), path))
    .toSorted();
}

/**
 * @param {string | undefined} wanted a major version
 * @returns {NodeBinary[]}
 */
function findNodes(wanted) {
  const current = currentNode();
  const nodes = current.major === 24 ? [current] : [current, node24()];
  if (wanted !== undefined) {
    const found = nodes.filter(({ major }) => String(major) === wanted);
    if (found.length > 0) return found;
    console.error(`there is no Node ${wanted} at hand, only ${nodes.map(({ version }) => version).join(" and ")}`);
    process.exit(1);
  }
  if (current.major !== 20) console.log("Node 20 was not at hand: the tests run without it");
  return nodes;
}

/**
 * Those that take minutes run under the latest Node alone: what they show does not depend on its version.
 *
 * @param {string} file
 */
function isLong(file) {
  return file.includes(`${sep}soak${sep}`);
}

/**
 * @param {NodeBinary} node
 * @param {string[]} files
 * @returns {Promise<Counts>}
 */
async function runTests(node, files) {
  console.log(`\n--- ${files.length} test files under Node ${node.version} ---\n`);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const scratch = mkdtempSync(join(tmpdir(), "channelkit-test-"));
  const countFile = join(scratch, "counts.json");
  /** Node 20 takes the limit for a whole file, later ones for each test. */
  const timeoutMs = node.major < 24 ? 600_000 : 120_000;
  const parameters = [
    "--enable-source-maps",
    `--import=${pathToFileURL(join(root, "scripts", "test-guard.mjs")).href}`,
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${timeoutMs}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${pathToFileURL(join(root, "scripts", "count-reporter.mjs")).href}`,
    `--test-reporter-destination=${countFile}`,
    ...files,
  ];
  /** A test that starts `node` by name gets the Node that it runs under. */
  const path = `${dirname(node.path)}${delimiter}${process.env.PATH ?? ""}`;
  const env = { ...process.env, PATH: path };
  const child = spawn(node.path, parameters, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  /** @type {string} */
  const ending = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const written = existsSync(countFile) ? readFileSync(countFile, "utf8") : "";
  rmSync(scratch, { recursive: true });

  const counts = /** @type {Counts} */ (JSON.parse(written || '{ "passed": 0, "failed": 0, "skipped": 0 }'));
  if (ending !== "exit code 0" && counts.failed === 0) {
    console.error(`the test runner of Node ${node.version} crashed: ${ending}`);
    counts.failed += 1;
  }
  return counts;
}
