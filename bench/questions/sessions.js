// @ts-check
/**
 * Question: what does a session cost beside a plain channel, and beside Socket.IO?
 * Load: 64-byte text over WebSockets; echoes of 64 connections, broadcasts to 200 members, 5 000 and 15 000 that are idle.
 * Who receives in a session acknowledges each 64th message.
 * Unit: messages in a second, server CPU time for each; bytes for each idle connection.
 */

/** @type {import("../lib/question.js").Load[]} */
const loads = [
  { name: "echo, 1 in flight", parties: [["echo", 64]], run: { kind: "echo", inFlight: 1 }, isSlow: true },
  { name: "echo, 16 in flight", parties: [["echo", 64]], run: { kind: "echo", inFlight: 16 } },
  {
    name: "200 members, 8 a turn",
    parties: [["group", 200]],
    run: { kind: "broadcast", perTurn: 8, turnsInFlight: 8 },
  },
];
/** With 5 000, what a process has anyway is a good part of the figure. @type {import("../lib/question.js").Load[]} */
const idle = [5000, 15_000].map((count) => ({
  name: `idle, ${count}`,
  parties: [["group", count]],
  run: { kind: "memory" },
  isSlow: true,
}));

/** One message at a time leaves nothing to be joined. @param {import("../lib/question.js").Load["run"]} run */
const bySocketIo = (run) => (run.kind === "echo" && run.inFlight === 1 ? 1.3 : 8);

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["session", "channelkit", "socket.io"],
  figures: ["rate", "cpu", "serverBusy", "loadBusy", "resident", "heap"],
  loads: [...loads, ...idle],
  bars: [
    ...loads.flatMap(
      ({ name, run }) =>
        /** @type {import("../lib/question.js").Bar[]} */ ([
          { load: name, of: "session", figure: "rate", against: "channelkit", atLeast: 0.85 },
          { load: name, of: "session", figure: "rate", against: "socket.io", atLeast: bySocketIo(run) },
        ]),
    ),
    .../** @type {import("../lib/question.js").Bar[]} */ (
      idle.map(({ name }) => ({ load: name, of: "session", figure: "resident", against: "socket.io", atMost: 0.5 }))
    ),
  ],
};
