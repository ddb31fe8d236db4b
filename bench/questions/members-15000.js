// @ts-check
/**
 * Question: when does the last of 15 000 members have a broadcast, and does everybody else wait for it?
 * Load: 15 000 WebSockets in a group and two broadcasts a second; beside it, from another process, 64 WebSockets that
 * echo with one message in flight.
 * Unit: milliseconds from the order to broadcast to the last member; of the echoes, milliseconds each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "last", "lastP99", "besideP50", "besideP99"],
  loads: [
    { name: "alone, 1 a turn", parties: [["group", 15_000]], run: { kind: "broadcast", turnsInFlight: 1 } },
    { name: "alone, 8 a turn", parties: [["group", 15_000]], run: { kind: "broadcast", turnsInFlight: 1, perTurn: 8 } },
    {
      name: "while others echo",
      minimumMs: 3000,
      parties: [["group", 15_000]],
      run: { kind: "broadcast", everyMs: 500 },
      beside: { parties: [["echo", 64]], run: { kind: "echo" } },
    },
  ],
  bars: [{ load: "while others echo", figure: "besideP99", atMost: 20 }],
  isSlow: true,
};
