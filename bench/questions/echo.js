// @ts-check
/**
 * Question: how many messages can a server take in and send back?
 * Load: 64 WebSockets, 64-byte text, 1, 16 or 128 messages in flight on each.
 * Unit: echoes a second, server CPU time for each, time from send to echo.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io", "sockjs"],
  figures: ["rate", "cpu", "p50", "p99", "serverBusy", "loadBusy"],
  loads: [1, 16, 128].map((inFlight) => ({
    name: `${inFlight} in flight`,
    parties: [["echo", 64]],
    run: { kind: "echo", inFlight },
    isSlow: inFlight > 16,
  })),
  bars: [
    { load: "1 in flight", figure: "cpu", against: "ws", atMost: 1 },
    { load: "1 in flight", figure: "p99", against: "ws", atMost: 1 },
    { load: "16 in flight", figure: "rate", against: "ws", atLeast: 6 },
    { load: "16 in flight", figure: "rate", against: "bun", atLeast: 0.5 },
  ],
};
