// @ts-check
import { isSaturated } from "./judge.js";
import { summarise } from "./statistics.js";

/** @typedef {import("./question.js").Figure} Figure */
/** @typedef {import("./statistics.js").Figures} Figures */

/** @type {Record<Figure, [title: string, text: (value: number) => string]>} */
const figures = {
  rate: ["k/s", (value) => digits(value / 1000)],
  cpu: ["µs CPU", digits],
  p50: ["p50 ms", digits],
  p99: ["p99 ms", digits],
  p999: ["p99.9 ms", digits],
  last: ["last has it, ms", digits],
  lastP99: ["p99 of that", digits],
  besideP50: ["echo p50 ms", digits],
  besideP99: ["echo p99 ms", digits],
  serverBusy: ["server busy", percent],
  loadBusy: ["load busy", percent],
  resident: ["kB resident", (value) => digits(value / 1000)],
  heap: ["kB heap", (value) => digits(value / 1000)],
};

/** More of a CPU than this, used by neither server nor load, is somebody else's work. */
const noticeableShare = 0.25;

/**
 * @param {Figure[]} columns
 * @param {Map<string, Figures[]>} rows
 * @returns {string[][]} titles, then a line for each row
 */
export function cellsOf(columns, rows) {
  const lines = [["", ...columns.map((column) => figures[column][0]), ""]];
  for (const [row, rounds] of rows) {
    const summaries = summarise(rounds);
    const cells = columns.map((column) => {
      const { median, spread } = summaries[column] ?? { median: Number.NaN, spread: 0 };
      return Number.isNaN(median) ? "–" : `${figures[column][1](median)}${spreadText(spread)}`;
    });
    lines.push([row, ...cells, columns.includes("serverBusy") ? remarksOn(rounds) : ""]);
  }
  return lines;
}

/** @param {Figures[]} rounds */
function remarksOn(rounds) {
  const { othersBusy } = summarise(rounds);
  const remarks = isSaturated(rounds) ? [] : ["held back: read the CPU time"];
  if (othersBusy !== undefined && othersBusy.median > noticeableShare) {
    remarks.push(`others used ${percent(othersBusy.median)} of a CPU`);
  }
  return remarks.join("; ");
}

/** @param {string[][]} lines */
export function formatTable(lines) {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (/** @type {string[]} */ line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return lines.map((line) => `  ${format(line).join("   ")}`.trimEnd()).join("\n");
}

/** @param {string[][]} lines */
export function formatMarkdown(lines) {
  const [titles = [], ...rows] = lines;
  const hasRemarks = rows.some((row) => row.at(-1) !== "");
  const format = (/** @type {string[]} */ line) => `| ${line.slice(0, hasRemarks ? undefined : -1).join(" | ")} |`;
  const rule = titles.map((_, column) => (column === 0 || column === titles.length - 1 ? "---" : "--:"));
  return [titles, rule, ...rows].map(format).join("\n");
}

/** @param {import("./judge.js").Verdict} verdict */
export function formatVerdict({ isMet, value, spread, by, figure, against, atLeast, atMost }) {
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const goal = `${figures[figure][0]}${against === undefined ? "" : ` of ${against}`}`;
  const remark = by === figure ? "" : ", by the CPU time";
  const times = against === undefined ? "" : "× ";
  return `${isMet ? "met " : "MISS"} ${digits(value)}${spreadText(spread)} ${times}${goal}${remark}, bar: ${bound}`;
}

/** @param {number} spread */
function spreadText(spread) {
  return spread >= 0.005 ? ` ±${Math.round(spread * 100)}%` : "";
}

/** @param {number} value */
function percent(value) {
  return `${Math.round(value * 100)} %`;
}

/** Three digits that count. @param {number} value */
function digits(value) {
  return Number(value.toPrecision(3)).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 3 });
}
