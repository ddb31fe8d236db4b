// @ts-check
/** @typedef {import("./question.js").Figure} Figure */
/** @typedef {import("./question.js").Bar} Bar */
/** @typedef {{ median: number, spread: number }} Summary */
/** @typedef {Record<string, Record<string, Summary>>} Summaries figures of rows */

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
  loadBusy: ["load busy", (value) => `${Math.round(value * 100)} %`],
  resident: ["kB resident", (value) => digits(value / 1000)],
  heap: ["kB heap", (value) => digits(value / 1000)],
};

/** The load holds a row back when it has hardly any time left. */
const busyShare = 0.9;

/**
 * The median and half the distance of the quartiles, as a share of it.
 *
 * @param {import("./measure.js").Figures[]} rounds
 * @returns {Record<string, Summary>}
 */
export function summarise(rounds) {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((round) => round[name] ?? Number.NaN).toSorted((one, other) => one - other);
      const median = quantile(values, 0.5);
      return [name, { median, spread: (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median }];
    }),
  );
}

/**
 * @param {Figure[]} columns
 * @param {Summaries} rows
 */
export function formatTable(columns, rows) {
  const lines = [["", ...columns.map((column) => figures[column][0]), ""]];
  for (const [row, summaries] of Object.entries(rows)) {
    const cells = columns.map((column) => {
      const { median, spread } = summaries[column] ?? { median: Number.NaN, spread: 0 };
      if (Number.isNaN(median)) return "–";
      return `${figures[column][1](median)}${spread >= 0.005 ? ` ±${Math.round(spread * 100)}%` : ""}`;
    });
    const isHeldBack = (summaries["loadBusy"]?.median ?? 0) > busyShare;
    lines.push([row, ...cells, isHeldBack && columns.includes("rate") ? "load-bound: read the CPU time" : ""]);
  }
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (/** @type {string[]} */ line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return lines.map((line) => `  ${format(line).join("   ")}`.trimEnd()).join("\n");
}

/**
 * @param {Bar} bar
 * @param {Summaries} rows
 */
export function judge({ figure, against, atLeast, atMost, load }, rows) {
  const own = rows["channelkit"]?.[figure]?.median ?? Number.NaN;
  const value = against === undefined ? own : own / (rows[against]?.[figure]?.median ?? Number.NaN);
  const isMet = value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const what = against === undefined ? figures[figure][0] : `× ${figures[figure][0]} of ${against}`;
  return {
    load,
    figure,
    against,
    value,
    isMet,
    text: `${isMet ? "met " : "MISS"} ${digits(value)} ${what}, bar: ${bound}`,
  };
}

/** @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low + (high - low) * (at % 1);
}

/** Three digits that count. @param {number} value */
function digits(value) {
  return Number(value.toPrecision(3)).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 3 });
}
