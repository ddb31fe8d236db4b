// @ts-check
/**
 * Question: what do large messages cost?
 * Load: 16 WebSockets that echo with one message in flight, and 50 members of a group; 64 KiB and 1 MiB of text.
 * Unit: messages a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Load[]} */
const loads = [64, 1024].flatMap((kibibytes) => [
  { name: `echo, ${kibibytes} KiB`, bytes: kibibytes * 1024, parties: [["echo", 16]], run: { kind: "echo" } },
  {
    name: `fan-out to 50, ${kibibytes} KiB`,
    bytes: kibibytes * 1024,
    parties: [["group", 50]],
    run: { kind: "broadcast" },
  },
]);

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "cpu", "p99", "serverBusy", "loadBusy"],
  loads,
  bars: loads.map(({ name }) => ({ load: name, figure: "cpu", against: "ws", atMost: 1.05 })),
  isSlow: true,
};
