// @ts-check
import { formatMarkdown, formatVerdict } from "./table.js";

/**
 * What run.js writes.
 *
 * @typedef {object} Result
 * @property {string} question
 * @property {string} load
 * @property {string[][]} table
 * @property {import("./judge.js").Verdict[]} verdicts
 *
 * @typedef {object} Results
 * @property {string} start
 * @property {number} seconds what it took
 * @property {Record<string, string>} environment
 * @property {{ rounds: number, ms: number }} settings
 * @property {Result[]} results
 */

const begin = "<!-- figures: node bench/document.js -->";
const end = "<!-- end of figures -->";

/**
 * Runs of some questions each become one, if they have measured the same build under the same Node.
 *
 * @param {Results[]} runs
 */
export function mergeRuns(runs) {
  /** @type {Map<string, Results>} */
  const merged = new Map();
  for (const run of runs) {
    const key = JSON.stringify([run.environment, run.settings.rounds, run.settings.ms]);
    const before = merged.get(key);
    merged.set(
      key,
      before === undefined
        ? run
        : { ...before, seconds: before.seconds + run.seconds, results: [...before.results, ...run.results] },
    );
  }
  return [...merged.values()];
}

/**
 * @param {Results[]} runs
 * @param {(question: string) => string} sourceOf the text of a question's file
 */
export function describeResults(runs, sourceOf) {
  return runs.map((run) => describeRun(run, sourceOf)).join("\n\n");
}

/**
 * @param {Results} run
 * @param {(question: string) => string} sourceOf
 */
function describeRun({ start, seconds, environment, settings, results }, sourceOf) {
  const lines = [
    `## Figures under ${environment["node"]}`,
    "",
    `Measured on ${start.slice(0, 10)} by \`npm run bench\` in ${Math.round(seconds / 60)} minutes: the medians of ` +
      `${settings.rounds} rounds of ${settings.ms} ms.`,
    "",
    ...Object.values(environment).map((text) => `- ${text}`),
    "",
    ...describeGoals(results),
  ];
  let question = "";
  for (const result of results) {
    if (result.question !== question) {
      question = result.question;
      lines.push("", `### ${question}`, "", ...headerOf(sourceOf(question)).map((line) => `- ${line}`));
    }
    lines.push("", `**${result.load}**`, "", formatMarkdown(result.table));
  }
  return lines.join("\n");
}

/** What was aimed at, in one table. @param {Result[]} results */
function describeGoals(results) {
  const goals = results.flatMap(({ question, load, verdicts }) =>
    verdicts.map((verdict) => {
      const text = formatVerdict(verdict).replace(/ +/g, " ");
      const [, outcome, measured, bar] = /^(\S+) (.*), bar: (.*)$/.exec(text) ?? [];
      return `| ${question}, ${load} | ${measured} | ${bar} | ${outcome} |`;
    }),
  );
  return goals.length === 0 ? [] : ["| goal | measured | bar | |", "| --- | --- | --- | --- |", ...goals];
}

/**
 * @param {string} page
 * @param {string} figures
 */
export function replaceFigures(page, figures) {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no lines ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${figures}\n\n${page.slice(to)}`;
}

/** Question, load and unit, as the header of a question's file says them. @param {string} source */
export function headerOf(source) {
  const [, comment = ""] = /^\/\*\*\n([\s\S]*?) \*\/$/m.exec(source) ?? [];
  const text = comment.replaceAll(/^ \* ?/gm, "").replaceAll(/\n(?!\w+: )/g, " ");
  return text.split("\n").map((line) => line.trim());
}
