/** Every gate but the tests. Runs them all, prints a line for each, and fails at the end when one did. */

import { spawnSync } from "node:child_process";
import { node24, root, toolPath } from "./tools.mjs";

const node = node24();

/** The build comes first: examples are checked against the declarations a user gets, and publint and attw read dist. */
const gates = [
  { name: "build", command: ["scripts/build.mjs"] },
  { name: "format", command: [toolPath("oxfmt"), "--check"] },
  { name: "lint", command: [toolPath("oxlint"), "--type-aware"] },
  { name: "types", command: [toolPath("typescript", "tsc"), "-p", "tsconfig.test.json", "--noEmit"] },
  { name: "scripts", command: [toolPath("typescript", "tsc"), "-p", "tsconfig.scripts.json"] },
  { name: "browser", command: [toolPath("typescript", "tsc"), "-p", "tsconfig.browser.json"] },
  { name: "publint", command: [toolPath("publint"), "--strict"] },
  { name: "attw", command: [toolPath("@arethetypeswrong/cli", "attw"), "--profile", "esm-only", "--pack", "."] },
  { name: "knip", command: [toolPath("knip")] },
];

const failed = [];
for (const { name, command } of gates) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(node.path, command, { cwd: root, encoding: "utf8" });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok  " : "FAIL"}  ${name.padEnd(10)} ${seconds.padStart(5)} s`);
  if (status !== 0) {
    failed.push(name);
    console.log(stdout + stderr);
  }
}

if (failed.length > 0) {
  console.error(`check failed: ${failed.join(", ")}`);
  process.exit(1);
}
