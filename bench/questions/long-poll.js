// @ts-check
/**
 * Question: how many long polls can a server answer?
 * Load: keep-alive connections that ask again when they are answered: 64 that are answered at once, 200 that are parked
 * and answered by a broadcast.
 * Socket.IO and SockJS answer nothing at once: all their polls are parked.
 * Unit: answers of 64 bytes a second, server CPU time for each request with its answer.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "node-http", "bun"],
  figures: ["rate", "cpu", "p50", "p99", "serverBusy", "loadBusy"],
  loads: [
    { name: "answered at once", parties: [["answer", 64]], run: { kind: "echo" } },
    {
      name: "200 parked",
      rows: ["channelkit", "node-http", "bun", "socket.io", "sockjs"],
      parties: [["poll", 200]],
      run: { kind: "broadcast", turnsInFlight: 1 },
    },
  ],
  bars: [
    { load: "answered at once", figure: "rate", against: "node-http", atLeast: 0.9 },
    { load: "200 parked", figure: "rate", against: "node-http", atLeast: 0.9 },
  ],
};
