// @ts-check
/**
 * Question: how fast does a message reach every WebSocket of a group?
 * Load: 200 or 2 000 members, 64-byte text, 1 or 8 broadcasts a turn, two turns in flight.
 * Unit: messages that arrived in a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Load[]} */
const loads = [200, 2000].flatMap((members) =>
  [1, 8].map((perTurn) => ({
    name: `${members} members, ${perTurn} a turn`,
    parties: [["group", members]],
    run: { kind: "broadcast", perTurn },
    isSlow: members > 200,
  })),
);

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io", "sockjs"],
  figures: ["rate", "cpu", "p99", "loadBusy"],
  loads,
  bars: loads.flatMap(
    ({ name, run }) =>
      /** @type {import("../lib/question.js").Bar[]} */ (
        run.perTurn === 8
          ? [
              { load: name, figure: "rate", against: "ws", atLeast: 9 },
              { load: name, figure: "rate", against: "socket.io", atLeast: 9 },
              { load: name, figure: "rate", against: "bun", atLeast: 0.8 },
            ]
          : [
              { load: name, figure: "cpu", against: "ws", atMost: 0.95 },
              { load: name, figure: "cpu", against: "bun", atMost: 1.2 },
            ]
      ),
  ),
};
