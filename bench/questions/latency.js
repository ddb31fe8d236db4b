// @ts-check
/**
 * Question: how long does a message take, at ease and under load?
 * Load: 64 WebSockets, 64-byte text: echoes at 20 % and 80 % of the rate that a row reaches with one in flight; 200
 * members of a group: broadcasts at a fixed pace, 100 and 400 a second.
 * Unit: milliseconds from the time a message was due to the time it has arrived.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "cpu", "p50", "p99", "p999"],
  loads: [
    { name: "echo, capacity", parties: [["echo", 64]], run: { kind: "echo" } },
    { name: "echo at 20 %", parties: [["echo", 64]], run: { kind: "echo" }, shareOf: "echo, capacity", share: 0.2 },
    { name: "echo at 80 %", parties: [["echo", 64]], run: { kind: "echo" }, shareOf: "echo, capacity", share: 0.8 },
    { name: "100 broadcasts a second", parties: [["group", 200]], run: { kind: "broadcast", everyMs: 10 } },
    { name: "400 broadcasts a second", parties: [["group", 200]], run: { kind: "broadcast", everyMs: 2.5 } },
  ],
  isSlow: true,
};
