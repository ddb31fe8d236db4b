// @ts-check
/**
 * Question: how fast does a message reach every WebSocket of a group?
 * Load: 200, 2 000 or 15 000 members, 64-byte text, 1 or 8 broadcasts a turn. Eight turns are in flight, so that a load
 * that falls behind reads more at once; two to large groups, where one turn is long enough for that.
 * Unit: messages that arrived in a second, server CPU time for each.
 */

/** @type {import("../lib/question.js").Load[]} */
const loads = [200, 2000, 15_000].flatMap((members) =>
  [1, 8].map((perTurn) => ({
    name: `${members} members, ${perTurn} a turn`,
    parties: [["group", members]],
    run: { kind: "broadcast", perTurn, turnsInFlight: members > 200 ? 2 : 8 },
    isSlow: members > 200,
  })),
);

/** @type {import("../lib/question.js").Question} */
export const question = {
  rows: ["channelkit", "ws", "bun", "socket.io", "sockjs"],
  figures: ["rate", "cpu", "p99", "serverBusy", "loadBusy"],
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
