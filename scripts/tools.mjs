/** What the other scripts share: where the project is, which Node runs what, and how a tool is started. */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const exe = process.platform === "win32" ? ".exe" : "";
const packagedNode = join(root, "node_modules", "node", "bin", `node${exe}`);

/** @typedef {{ path: string, version: string, major: number }} NodeBinary */

/**
 * @param {string} path
 * @returns {NodeBinary | undefined} undefined when there is no Node that runs at that path
 */
function inspectNode(path) {
  if (!existsSync(path)) return undefined;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const version = stdout.trim();
  return { path, version, major: Number.parseInt(version.slice(1), 10) };
}

/**
 * The Node the user has. `npm run` puts the development dependency `node` in front of PATH, so neither `node` nor
 * `process.execPath` is it: npm tells in `npm_node_execpath` which Node it was started with.
 *
 * @returns {NodeBinary}
 */
export function currentNode() {
  const inPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, `node${exe}`));
  const places = [process.execPath, process.env.npm_node_execpath ?? "", ...inPath];
  for (const path of places) {
    const found = path.split(sep).includes("node_modules") ? undefined : inspectNode(path);
    if (found !== undefined) return found;
  }
  return { path: process.execPath, version: process.version, major: Number.parseInt(process.versions.node, 10) };
}

/**
 * Node 24, from the development dependency `node`. Its binary arrives by an install script; where npm was told to run
 * none, it is fetched now.
 *
 * @returns {NodeBinary}
 */
export function node24() {
  const current = currentNode();
  if (current.major === 24) return current;
  if (inspectNode(packagedNode) === undefined) {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    spawnSync(npm, ["rebuild", "node", "--ignore-scripts=false"], { cwd: root, stdio: "inherit" });
  }
  const found = inspectNode(packagedNode);
  if (found?.major === 24) return found;
  console.error("Node 24 is missing from node_modules. Type: npm ci && npm rebuild node");
  process.exit(1);
}

/**
 * @param {string} name of the package
 * @param {string} [command] where it is not called like the package
 * @returns {string} the script behind a command of a development dependency
 */
export function toolPath(name, command = name) {
  const folder = join(root, "node_modules", name);
  const manifest = /** @type {{ bin: string | Record<string, string> }} */ (
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  );
  const script = typeof manifest.bin === "string" ? manifest.bin : manifest.bin[command];
  if (script === undefined) throw new Error(`${name} has no command ${command}`);
  return join(folder, script);
}

/**
 * Compiles one tsconfig, and ends the process when it does not compile.
 *
 * @param {string} project
 */
export function compile(project) {
  try {
    execFileSync(process.execPath, [toolPath("typescript", "tsc"), "-p", project], { cwd: root, stdio: "inherit" });
  } catch {
    console.error(`${project} does not compile`);
    process.exit(1);
  }
}
