// @ts-check
/**
 * node bench/stalled/run.js [--seconds 30] [--rate 100] [--members 1000] [--stalled 1,500] [--when-behind close] [--quick] [--json] [kind ...]
 *
 * What do clients that read nothing do to the others, and to the memory of the server? A group of WebSockets, streams, polls,
 * or sessions, to which 1 KiB is broadcast at a steady rate. Each run with stalled clients is compared with one that has as
 * many readers and nobody else. `--quick` has few members, little room for each, and no figures worth keeping. Build first.
 */

import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatMarkdown } from "../lib/table.js";

/** @typedef {"websocket" | "stream" | "poll" | "session"} Kind */
/**
 * @typedef {{ kind: Kind, readers: number, stalled: number, rate: number, seconds: number, limits: object,
 *   sessionLimits: object, whenBehind: "wait" | "close" | "drop" }} Settings
 * @typedef {import("./server.js").Outcome & import("./clients.js").Received} Result
 * @typedef {{ port: number, startMs: number, outcome: import("./server.js").Outcome, received: import("./clients.js").Received }} Answer
 */

/** @type {readonly Kind[]} */
const kinds = ["websocket", "stream", "poll", "session"];
const options = /** @type {const} */ ({
  seconds: { type: "string" },
  rate: { type: "string", default: "100" },
  members: { type: "string" },
  stalled: { type: "string" },
  "when-behind": { type: "string", default: "wait" },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
});
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const { quick } = values;
const seconds = Number(values.seconds ?? (quick ? 3 : 30));
const members = Number(values.members ?? (quick ? 20 : 1000));
const stalledCounts = (values.stalled ?? (quick ? "1,10" : "1,500")).split(",").map(Number);
const kibibyte = 1024;
const little = { softBufferedBytes: 32 * kibibyte, maxBufferedBytes: 128 * kibibyte };
const common = {
  rate: Number(values.rate),
  seconds,
  limits: quick ? little : {},
  sessionLimits: quick ? { maxUnacknowledgedBytes: 128 * kibibyte, maxReplayBytes: 64 * kibibyte } : {},
  whenBehind: /** @type {Settings["whenBehind"]} */ (values["when-behind"]),
};

/** @type {string[][]} */
const lines = [];
for (const kind of kinds.filter((each) => positionals.length === 0 || positionals.includes(each))) {
  for (const stalled of stalledCounts) {
    const readers = members - stalled;
    const alone = await measure({ ...common, kind, readers, stalled: 0 });
    const beside = await measure({ ...common, kind, readers, stalled });
    if (values.json) console.log(JSON.stringify({ kind, readers, stalled, alone, beside }));
    lines.push([kind, String(readers), String(stalled), ...cells(alone, beside)]);
  }
}
if (!values.json) {
  const version = execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
  console.log(`commit ${version}, Node ${process.version}, ${common.rate} a second for ${seconds} s, 1 KiB each`);
  const titles = ["p50", "p99 ms alone", "beside", "ratio", "MiB alone", "beside", "missing", "closed as"];
  console.log(formatMarkdown([["kind", "readers", "stalled", ...titles], ...lines]));
}

/**
 * @param {Settings} settings
 * @returns {Promise<Result>}
 */
async function measure(settings) {
  const text = JSON.stringify(settings);
  const server = fork(join(import.meta.dirname, "server.js"), [text]);
  const { port } = await answerOf(server);
  const clients = fork(join(import.meta.dirname, "clients.js"), [text, String(port)]);
  await answerOf(clients);
  server.send("run");
  const { startMs } = await answerOf(server);
  clients.send({ from: startMs });
  const { outcome } = await answerOf(server);
  clients.send({});
  const { received } = await answerOf(clients);
  for (const child of [clients, server]) {
    child.disconnect();
    await once(child, "exit");
  }
  return { ...outcome, ...received };
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<Answer>} the next that it has to tell
 */
async function answerOf(child) {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a process of the run has ended: ${code}`);
  });
  const told = once(child, "message").then(([answer]) => /** @type {Answer} */ (answer));
  return Promise.race([told, ended]);
}

/**
 * @param {Result} alone
 * @param {Result} beside
 */
function cells(alone, beside) {
  const ratio = (beside.p99 / alone.p99).toFixed(2);
  const ends = Object.entries(beside.statuses).map(([status, count]) => `${count} ${status}`);
  return [
    `${alone.p50.toFixed(2)} → ${beside.p50.toFixed(2)}`,
    alone.p99.toFixed(2),
    beside.p99.toFixed(2),
    ratio,
    memory(alone),
    memory(beside),
    String(beside.missing),
    ends.length === 0 ? "–" : ends.join(", "),
  ];
}

/** Before the broadcasts, the most, and at the end. @param {Result} result */
function memory({ firstBytes, mostBytes, lastBytes }) {
  return [firstBytes, mostBytes, lastBytes].map((bytes) => Math.round(bytes / kibibyte / kibibyte)).join(" → ");
}
