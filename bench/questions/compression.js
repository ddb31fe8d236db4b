// @ts-check
/**
 * Question: what do messages cost with permessage-deflate?
 * Load: 64 WebSockets, 64 bytes of JSON that each client compresses, 1 or 16 in flight on each; and 4 KiB of JSON to a
 * group of 200, two broadcasts in flight. Clients offer what browsers offer; the settings of the servers are their own.
 * Unit: messages a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "cpu", "p50", "p99", "serverBusy", "loadBusy"],
  loads: [
    ...[1, 16].map((inFlight) => ({
      name: `echo of 64 bytes, ${inFlight} in flight`,
      parties: /** @type {import("../lib/question.js").Parties} */ ([["echo", 64]]),
      compress: true,
      run: /** @type {const} */ ({ kind: "echo", inFlight }),
    })),
    {
      name: "4 KiB to 200 members",
      parties: [["group", 200]],
      bytes: 4096,
      compress: true,
      run: { kind: "broadcast", perTurn: 1 },
    },
  ],
  bars: [
    { load: "echo of 64 bytes, 1 in flight", figure: "cpu", against: "ws", atMost: 0.5 },
    { load: "echo of 64 bytes, 16 in flight", figure: "cpu", against: "ws", atMost: 0.5 },
    { load: "4 KiB to 200 members", figure: "cpu", against: "ws", atMost: 0.1 },
  ],
};
