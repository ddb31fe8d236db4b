// @ts-check
/**
 * Question: how fast does a server take in WebSockets?
 * Load: 32 connections at once; each is closed as soon as its handshake is done, and another one opened.
 * Unit: handshakes a second, server CPU time for each, time from connect to open.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io", "sockjs"],
  figures: ["rate", "cpu", "p50", "p99", "serverBusy", "loadBusy"],
  loads: [{ name: "32 at once", parties: [["echo", 32]], run: { kind: "accept", inFlight: 32 } }],
  bars: [{ load: "32 at once", figure: "cpu", against: "ws", atMost: 1 }],
  isSlow: true,
};
