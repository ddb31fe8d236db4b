// @ts-check
/**
 * Question: how long does a message take, at ease and under load?
 * Load: 64-byte text at 20 % and 80 % of what the row itself does of it without a pause: echoes of 64 WebSockets with
 * one message in flight, and broadcasts to 200 of them, one a turn.
 * Unit: milliseconds from the time a message was due to the time it has arrived. Messages are due on the millisecond.
 */

/** @type {[name: string, load: Pick<import("../lib/question.js").Load, "parties" | "run">][]} */
const kinds = [
  ["echo", { parties: [["echo", 64]], run: { kind: "echo" } }],
  ["broadcast", { parties: [["group", 200]], run: { kind: "broadcast" } }],
];
const shares = [0.2, 0.8];

/** @param {string} name @param {number} share */
const nameOf = (name, share) => `${name} at ${share * 100} %`;

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io"],
  figures: ["rate", "cpu", "p50", "p99", "p999"],
  loads: kinds.flatMap(([name, load]) => [
    { ...load, name: `${name}, capacity` },
    ...shares.map((share) => ({ ...load, name: nameOf(name, share), shareOf: `${name}, capacity`, share })),
  ]),
  bars: kinds.flatMap(([name]) =>
    shares.map((share) => ({
      load: nameOf(name, share),
      figure: /** @type {const} */ ("p99"),
      against: "ws",
      atMost: 1.1,
    })),
  ),
  isSlow: true,
};
