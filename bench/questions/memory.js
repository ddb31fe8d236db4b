// @ts-check
/**
 * Question: what does an idle channel cost its server?
 * Load: 5 000 and 15 000 connections that were opened and do nothing; the 200 before them are not counted. Socket.IO and
 * SockJS are asked with 5 000 only: they take the same for each of 15 000, and minutes more to be connected.
 * Unit: bytes for each connection, resident and on the heap of JavaScript, after garbage was collected.
 */

/** @typedef {import("../lib/question.js").Load & { against: string }} MemoryLoad */

const webSocketRows = ["channelkit", "ws", "bun", "socket.io", "sockjs"];
const streamRows = ["channelkit", "node-http", "bun", "sockjs"];
const pollRows = ["channelkit", "node-http", "bun", "socket.io", "sockjs"];
const rowsOf = { group: webSocketRows, stream: streamRows, poll: pollRows };

/** @type {MemoryLoad[]} */
const loads = [5000, 15_000].flatMap((count) =>
  /** @type {const} */ (["group", "stream", "poll"]).map((path) => ({
    name: `${path === "group" ? "WebSocket" : path}, ${count}`,
    parties: [[path, count]],
    rows: count > 5000 ? rowsOf[path].slice(0, 3) : rowsOf[path],
    against: path === "group" ? "ws" : "node-http",
    run: { kind: "memory" },
    isSlow: path === "stream" || count > 5000,
  })),
);

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: webSocketRows,
  figures: ["resident", "heap"],
  loads,
  bars: loads.flatMap(({ name, against }) => [
    { load: name, figure: "resident", against, atMost: 1 },
    { load: name, figure: "heap", against, atMost: 1 },
  ]),
};
