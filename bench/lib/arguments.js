// @ts-check
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/**
 * @typedef {object} Arguments
 * @property {boolean} isQuick
 * @property {number} rounds
 * @property {"20" | "24" | undefined} node
 * @property {string | undefined} baseline the module of another build of channelkit, which becomes a row
 * @property {string[]} wanted names of questions; none for all
 */

export const usage =
  "npm run bench [-- [--quick] [--rounds 5] [--node 20|24] [--baseline folder of a build] [question ...]]";

/** What the person who typed it can put right. */
export class ArgumentError extends Error {}

/**
 * @param {string[]} words from the command line
 * @param {string[]} questions that there are
 * @returns {Arguments}
 */
export function readArguments(words, questions) {
  const { values, positionals: wanted } = parse(words);
  const { quick: isQuick, rounds = "5", node, baseline } = values;
  if (!/^[1-9]\d{0,2}$/.test(rounds)) throw new ArgumentError(`--rounds must be from 1 to 999, not ${rounds}`);
  if (node !== undefined && node !== "20" && node !== "24") {
    throw new ArgumentError(`--node must be 20 or 24, not ${node}`);
  }
  const unknown = wanted.filter((name) => !questions.includes(name));
  if (unknown.length > 0) {
    throw new ArgumentError(`no such question: ${unknown.join(", ")}. There are ${questions.join(", ")}`);
  }
  return {
    isQuick,
    rounds: Number(rounds),
    node,
    baseline: baseline === undefined ? undefined : findBuild(baseline),
    wanted,
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        rounds: { type: "string" },
        node: { type: "string" },
        baseline: { type: "string" },
      },
    });
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} folder */
function findBuild(folder) {
  const module = join(resolve(folder), "dist", "index.js");
  if (existsSync(module)) return module;
  throw new ArgumentError(`--baseline: there is no ${module}. Type in that folder: npm ci && npm run build`);
}
