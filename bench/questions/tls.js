// @ts-check
/**
 * Question: what does TLS cost?
 * Load: as `echo` and `fan-out`, over TLS 1.3.
 * Unit: messages a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "cpu", "p99", "serverBusy", "loadBusy"],
  loads: [
    { name: "echo, 1 in flight", tls: true, parties: [["echo", 64]], run: { kind: "echo" } },
    { name: "echo, 16 in flight", tls: true, parties: [["echo", 64]], run: { kind: "echo", inFlight: 16 } },
    { name: "200 members, 8 a turn", tls: true, parties: [["group", 200]], run: { kind: "broadcast", perTurn: 8 } },
  ],
  bars: [
    { load: "echo, 1 in flight", figure: "cpu", against: "ws", atMost: 1 },
    { load: "echo, 16 in flight", figure: "cpu", against: "ws", atMost: 1 },
    { load: "200 members, 8 a turn", figure: "cpu", against: "ws", atMost: 1 },
  ],
  isSlow: true,
};
