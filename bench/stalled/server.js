// @ts-check
/**
 * The server of one run, in a process of its own: node server.js <settings as JSON>. Its members join a group; those whose
 * URL says so are stalled, and what becomes of their channels is noted.
 */

import { root } from "../../scripts/tools.mjs";
import { join } from "node:path";
import { due, nowMs, wait } from "./clock.js";
import { messageOf } from "./message.js";

/** @typedef {import("../../dist/index.js").Channel} Channel */
/** @typedef {import("./run.js").Settings} Settings */
/**
 * What a server tells of its run. Bytes are resident ones of its process: before the broadcasts, the most, at the end.
 *
 * @typedef {{ startMs: number, statuses: Record<string, number>, firstBytes: number, mostBytes: number, lastBytes: number }} Outcome
 */

const { createSessions, serve, MemoryChannelStore, withChannel } = /** @type {typeof import("../../dist/index.js")} */ (
  await import(join(root, "dist", "index.js"))
);

const settings = /** @type {Settings} */ (JSON.parse(process.argv[2] ?? "{}"));
const { kind, readers, rate, seconds, limits, sessionLimits, whenBehind } = settings;
// A client that polls is in no group between two polls.
const store = new MemoryChannelStore({ history: kind === "poll" });
const sessions = createSessions({ limits: { pingIntervalMs: 3_600_000, ...sessionLimits } });
/** Channels of clients that read nothing. @type {Set<Channel>} */
const stalled = new Set();
/** @type {Record<string, number>} */
const statuses = {};

const server = await serve(
  (request) => {
    if (kind === "session") return sessions.accept(request, (channel) => enter(channel));
    return withChannel(request, enter);
  },
  { port: 0, limits: { pingIntervalMs: 3_600_000, ...limits } },
);

/** @param {Channel} channel */
function enter(channel) {
  const { pathname, searchParams } = new URL(channel.request.url);
  if (pathname === "/stream") channel.send("begin", { close: false });
  if (searchParams.has("stalled")) {
    stalled.add(channel);
    channel.onClose((status) => {
      stalled.delete(channel);
      statuses[status] = (statuses[status] ?? 0) + 1;
    });
  }
  const epoch = searchParams.get("epoch");
  const since = epoch === null ? undefined : { epoch, offset: Number(searchParams.get("offset")) };
  store.add("all", channel, undefined, since && { since });
}

/** The kernel takes some megabytes for a client that does not read, which would take all of the run. */
async function fillKernels() {
  const filler = "x".repeat(16 * 1024);
  if (kind === "session" || kind === "poll") return;
  // What waits may only wait for a moment: full is what takes nothing for a while.
  for (let looks = 0; looks < 30; looks += 1) {
    for (const channel of stalled) {
      if (channel.bufferedAmount > 0) continue;
      channel.send(filler, { close: false });
      looks = 0;
    }
    await wait(10);
  }
}

/** @returns {Promise<Outcome>} */
async function run() {
  // A poll that was sent may not have come yet.
  while (store.size("all") < readers + settings.stalled) await wait(10);
  await fillKernels();
  const firstBytes = process.memoryUsage.rss();
  let mostBytes = firstBytes;
  const look = setInterval(() => (mostBytes = Math.max(mostBytes, process.memoryUsage.rss())), 100);
  const startMs = nowMs() + 200;
  process.send?.({ startMs });
  const options = whenBehind === "wait" ? undefined : { whenBehind };
  for (let index = 0; index < rate * seconds; index += 1) {
    const leftMs = due(startMs, rate, index) - nowMs();
    if (leftMs > 0) await wait(leftMs);
    store.broadcast("all", messageOf(index), options);
  }
  clearInterval(look);
  return { startMs, statuses, firstBytes, mostBytes, lastBytes: process.memoryUsage.rss() };
}

process.on("message", (command) => {
  if (command === "run") void run().then((outcome) => process.send?.({ outcome }));
});
process.send?.({ port: server.port });
process.on("disconnect", () => process.exit());
