// @ts-check
/**
 * node bench/hostile/run.js [--rounds 5] [part of a network's name ...]
 *
 * How long does a page wait for its first message behind networks that are hostile, and do pushes go on? One page, two
 * clients, each as it is published and with its defaults, in Chromium, whose path CHANNELKIT_CHROMIUM says. Build first.
 */

import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { createFaultProxy } from "../../dist/testing.js";
import { formatMarkdown } from "../lib/table.js";
import { firstMessageMs, networks, silenceMs, watchMs } from "./networks.js";
import { servers } from "./servers.js";

/** @typedef {{ firstMs: number, longestMs: number, first: string, last: string }} Seen what one page saw */
/** @typedef {keyof typeof servers} Row */

/** A page that has nothing by then is given up. */
const patienceMs = 15_000;
/** So many pages at once: they wait for timers most of the time. */
const atOnce = 5;
const rows = /** @type {readonly Row[]} */ (Object.keys(servers));

const { values, positionals } = parseArgs({ options: { rounds: { type: "string" } }, allowPositionals: true });
const rounds = Number(values.rounds ?? 5);
const asked = networks.filter(({ name }) => positionals.every((part) => name.includes(part)));
const executablePath = process.env.CHANNELKIT_CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

/** @type {Map<string, (Seen | undefined)[]>} */
const seen = new Map();
const runs = Array.from({ length: rounds }, (_, round) =>
  asked.flatMap((network) => rows.map((row) => ({ network, row, seed: round + 1 }))),
).flat();
const next = runs.values();
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (const { network, row, seed } of next) {
      const key = `${row} ${network.name}`;
      seen.set(key, [...(seen.get(key) ?? []), await measure(network, row, seed)]);
    }
  }),
);

const version = execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
console.log(
  `commit ${version}, Node ${process.version}, Chromium ${browser.version()}, Socket.IO 4.8.4, ${rounds} rounds`,
);
await browser.close();
const header = ["network", ...rows.flatMap((row) => [`${row}: first`, "over", "longest silence"])];
const lines = asked.map(({ name }) => [name, ...rows.flatMap((row) => cells(seen.get(`${row} ${name}`) ?? []))]);
console.log(formatMarkdown([header, ...lines]));
const missed = asked.filter(({ name }) => (seen.get(`channelkit ${name}`) ?? []).some(isLate)).map(({ name }) => name);
console.log(missed.length === 0 ? "met on all" : `MISS on ${missed.join(", ")}`);

/**
 * @param {import("./networks.js").Network} network
 * @param {Row} row
 * @param {number} seed
 * @returns {Promise<Seen | undefined>} undefined: nothing came
 */
async function measure({ faults }, row, seed) {
  const server = await servers[row]();
  const proxy = await createFaultProxy({ target: { port: server.port }, seed });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(proxy.url);
    await page.waitForFunction(() => "dial" in globalThis);
    proxy.set(faults);
    // The page came over connections that know nothing of these faults.
    proxy.cut();
    return await page.evaluate(watch, { watchMs, patienceMs });
  } finally {
    await context.close();
    await proxy.close();
    await server.stop();
  }
}

/**
 * Runs in the page.
 *
 * @param {{ watchMs: number, patienceMs: number }} times
 * @returns {Promise<Seen | undefined>}
 */
function watch({ watchMs: forMs, patienceMs: mostMs }) {
  return new Promise((resolve) => {
    const startMs = performance.now();
    /** @type {number[]} */
    const times = [];
    let first = "";
    const { dial } = /** @type {{ dial: (received: () => void) => () => string }} */ (
      /** @type {unknown} */ (globalThis)
    );
    const carrier = dial(() => {
      times.push(performance.now() - startMs);
      if (times.length > 1) return;
      first = carrier();
      clearTimeout(patience);
      setTimeout(() => {
        // The end of the time counts as a push: there may have been none before it.
        const marks = [...times, performance.now() - startMs];
        const silences = marks.map((atMs, index) => atMs - (marks[index - 1] ?? atMs));
        resolve({ firstMs: times[0] ?? 0, longestMs: Math.max(...silences), first, last: carrier() });
      }, forMs);
    });
    const patience = setTimeout(() => resolve(undefined), mostMs);
  });
}

/** @param {Seen | undefined} each */
function isLate(each) {
  return each === undefined || each.firstMs > firstMessageMs || each.longestMs > silenceMs;
}

/** The median, and the worst. @param {readonly (Seen | undefined)[]} all */
function cells(all) {
  const came = all.filter((each) => each !== undefined);
  const missing = all.length - came.length;
  const [some] = came;
  const none = missing > 0 ? `, ${missing} × none in ${patienceMs / 1000} s` : "";
  if (some === undefined) return [none.slice(2), "–", "–"];
  const over = [...new Set(came.map(({ first, last }) => (first === last ? first : `${first} → ${last}`)))];
  return [
    `${spread(came.map(({ firstMs }) => firstMs))}${none}`,
    over.join(", "),
    spread(came.map(({ longestMs }) => longestMs)),
  ];
}

/** @param {readonly number[]} times */
function spread(times) {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return `${sorted[Math.floor(sorted.length / 2)]} ms (${sorted.at(-1)})`;
}
