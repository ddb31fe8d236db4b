// @ts-check
/**
 * Question: how fast does a message reach every HTTP stream of a group?
 * Load: 200 streams, chunks of 64 bytes, 1 or 8 broadcasts a turn, four turns in flight.
 * Socket.IO has no streams.
 * Unit: chunks that arrived in a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "node-http", "bun", "sockjs"],
  figures: ["rate", "cpu", "p99", "serverBusy", "loadBusy"],
  loads: [1, 8].map((perTurn) => ({
    name: `200 streams, ${perTurn} a turn`,
    parties: [["stream", 200]],
    run: { kind: "broadcast", perTurn, turnsInFlight: 4 },
  })),
  bars: [
    { load: "200 streams, 1 a turn", figure: "cpu", against: "node-http", atMost: 1 },
    { load: "200 streams, 8 a turn", figure: "rate", against: "node-http", atLeast: 3 },
    { load: "200 streams, 8 a turn", figure: "rate", against: "bun", atLeast: 0.9 },
  ],
};
