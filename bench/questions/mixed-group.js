// @ts-check
/**
 * Question: what does a broadcast cost in a group of all kinds?
 * Load: 100 WebSockets, 100 streams and 100 parked polls that come back after each answer; 64-byte text, one broadcast
 * a turn, the next when all have it. Only channelkit has a group over all three; ws and Bun send to each kind in turn,
 * SockJS to each of its connections, and Socket.IO has no streams.
 * Unit: messages that arrived in a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "sockjs"],
  figures: ["rate", "cpu", "p99", "last", "serverBusy", "loadBusy"],
  loads: [
    {
      name: "300 members",
      parties: [
        ["group", 100],
        ["stream", 100],
        ["poll", 100],
      ],
      run: { kind: "broadcast", turnsInFlight: 1 },
    },
  ],
  bars: [{ load: "300 members", figure: "cpu", against: "ws", atMost: 1 }],
  isSlow: true,
};
