// @ts-check
/**
 * Question: what does an idle channel cost its server?
 * Load: 5 000 connections that were opened and do nothing; the 200 before them are not counted.
 * Unit: bytes for each connection, resident and on the heap of JavaScript, after garbage was collected.
 */

const httpRows = ["channelkit", "node-http", "bun"];

/** @param {"group" | "stream" | "poll"} path */
const load = (path) => ({
  name: `${path === "group" ? "WebSocket" : path}, 5000`,
  parties: /** @type {[string, number][]} */ ([[path, 5000]]),
  run: { kind: /** @type {const} */ ("memory") },
});

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io", "sockjs"],
  figures: ["resident", "heap"],
  loads: [load("group"), { ...load("stream"), rows: httpRows, isSlow: true }, { ...load("poll"), rows: httpRows }],
  bars: [
    { load: "WebSocket, 5000", figure: "resident", against: "ws", atMost: 1 },
    { load: "WebSocket, 5000", figure: "heap", against: "ws", atMost: 1 },
    { load: "poll, 5000", figure: "resident", against: "node-http", atMost: 1 },
    { load: "poll, 5000", figure: "heap", against: "node-http", atMost: 1 },
  ],
};
