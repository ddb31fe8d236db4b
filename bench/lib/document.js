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
 * @property {number} seconds
 * @property {Record<string, string>} environment
 * @property {{ rounds: number, ms: number }} settings
 * @property {Result[]} results
 */

const begin = "<!-- figures: node bench/document.js -->";
const end = "<!-- end of figures -->";

/**
 * @param {Results} run
 * @param {(question: string) => string} sourceOf the text of a question's file
 */
export function describeResults({ start, seconds, environment, settings, results }, sourceOf) {
  const lines = [
    `Measured on ${start.slice(0, 10)} by \`npm run bench\` in ${Math.round(seconds / 60)} minutes: the medians of ` +
      `${settings.rounds} rounds of ${settings.ms} ms.`,
    "",
    ...Object.values(environment).map((text) => `- ${text}`),
  ];
  let question = "";
  for (const result of results) {
    if (result.question !== question) {
      question = result.question;
      lines.push("", `### ${question}`, "", ...headerOf(sourceOf(question)).map((line) => `- ${line}`));
    }
    lines.push("", `**${result.load}**`, "", formatMarkdown(result.table));
    const verdicts = result.verdicts.map((verdict) => `- ${formatVerdict(verdict).replace(/ +/g, " ")}`);
    if (verdicts.length > 0) lines.push("", ...verdicts);
  }
  return lines.join("\n");
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
