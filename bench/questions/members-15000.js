// @ts-check
/**
 * Question: when does the last of 15 000 members have a broadcast, and does everybody else wait for it?
 * Load: 15 000 WebSockets in a group, one broadcast at a time; and two broadcasts a second while beside it, from another process, 64 WebSockets that
 * echo with one message in flight.
 * Unit: milliseconds from the order to broadcast to the last member; of the echoes, milliseconds each.
 */

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "last", "lastP99", "besideP50", "besideP99"],
  loads: [
    { name: "alone", parties: [["group", 15_000]], run: { kind: "broadcast", turnsInFlight: 1 } },
    {
      name: "while others echo",
      minimumMs: 3000,
      parties: [["group", 15_000]],
      run: { kind: "broadcast", rate: 2 * 15_000 },
      beside: { parties: [["echo", 64]], run: { kind: "echo" } },
    },
  ],
  bars: [
    { load: "alone", figure: "last", against: "ws", atMost: 1 },
    { load: "while others echo", figure: "besideP99", atMost: 20 },
  ],
  isSlow: true,
};
