import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, it, type TestContext } from "node:test";
import { type ChannelKind, createSessions, type SessionChannel, type Sessions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { Condition } from "../support/condition.ts";
import { findFreePort } from "../support/free-port.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import type { Answer, ClientReport, Order } from "./restart-clients.ts";

guardAgainstUnhandled();

/** `CHANNELKIT_SESSIONS=5000 npm test -- client/restart`: a restart as large as that. */
const count = Number(process.env["CHANNELKIT_SESSIONS"] ?? 900);
/** Eight of ten over a WebSocket. */
const kinds: readonly ChannelKind[] = [
  ...Array.from({ length: 4 }, () => "websocket" as const),
  "http-streaming",
  ...Array.from({ length: 4 }, () => "websocket" as const),
  "long-polling",
];
/** 250 sessions a second, or fewer. */
const drainMs = Math.max(9000, 4 * count);
/** All are sent elsewhere in four fifths of the first half of the time: docs/sessions.md. */
const stopMs = drainMs / 0.4;
/**
 * How many sessions a slot of the drain time has, if all have the same. Of times that are drawn, a slot has as many give
 * or take √300 = 17: a peak of 1.2 times the mean, which is 60 more, is 3.5 of these, and no noise.
 */
const ofSlot = 300;
const mostOfMean = 1.2;
/** Each client sends once in the drain. Who has no WebSocket moves with its next message, since the server takes no new connection. */
const pauseMs = drainMs;
const limits = { maxConnections: 4 * count, maxConnectionsPerAddress: 4 * count };

type Side = {
  readonly sessions: Sessions;
  /** When each session was opened. */
  readonly openedAtMs: number[];
  /** The numbers of each client's messages, in the order in which they came. */
  readonly received: Map<string, number[]>;
  /** How many messages each client was sent here. */
  readonly sent: Map<string, number>;
  /** Of these, how many are not acknowledged. */
  unacknowledged(): Map<string, number>;
};

/** A server's half: it answers each message with its own name and a number of the session's own. */
async function setSide(t: TestContext, name: string, port: number) {
  const sessions = createSessions({ limits: { maxSessionsPerAddress: 4 * count } });
  const openedAtMs: number[] = [];
  const received = new Map<string, number[]>();
  const sent = new Map<string, number>();
  const clientOf = new Map<SessionChannel, string>();
  const use = (channel: SessionChannel): void => {
    openedAtMs.push(performance.now());
    channel.onReceive((message) => {
      const [client = "", number] = String(message).split(" ");
      clientOf.set(channel, client);
      received.set(client, [...(received.get(client) ?? []), Number(number)]);
      const next = (sent.get(client) ?? 0) + 1;
      sent.set(client, next);
      channel.send(textOf(name, next));
    });
  };
  const unacknowledged = (): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const channel of sessions) {
      // 64 bytes for each message beside its own: docs/sessions.md. All are of one length.
      const messages = channel.bufferedAmount / (64 + textOf(name, 1).length);
      const client = clientOf.get(channel);
      if (client !== undefined) counts.set(client, messages);
    }
    return counts;
  };
  const { server } = await setServer(t, (request) => sessions.accept(request, use), { port, limits });
  const side: Side = { sessions, openedAtMs, received, sent, unacknowledged };
  return { server, side };
}

const textOf = (name: string, number: number): string => `${name} ${String(number).padStart(6, "0")}`;

/** The clients' process. */
function setClients(t: TestContext): { ask(order: Order, type: Answer["type"]): Promise<Answer> } {
  const child: ChildProcess = fork(new URL("restart-clients.js", import.meta.url), { stdio: "inherit" });
  t.after(() => child.disconnect());
  const condition = new Condition();
  const answers: Answer[] = [];
  child.on("message", (answer: Answer) => {
    answers.push(answer);
    condition.changed();
  });
  return {
    ask(order, type) {
      child.send(order);
      const timeoutMs = 30_000 + 20 * count;
      const atTimeout = (): never => assert.fail(`no ${type} of the clients in ${timeoutMs} ms`);
      return condition.until(() => answers.find((answer) => answer.type === type), { timeoutMs, atTimeout });
    },
  };
}

const slotCount = Math.floor(count / ofSlot);
const mean = count / slotCount;

/** How many came in each slot of the drain time, and behind it. */
function slotsOf(timesMs: readonly number[], begunMs: number): number[] {
  const slotMs = drainMs / slotCount;
  const slots: number[] = [];
  for (const atMs of timesMs) {
    const slot = Math.floor((atMs - begunMs) / slotMs);
    slots[slot] = (slots[slot] ?? 0) + 1;
  }
  return slots;
}

/** What one client and both servers know of its messages. @returns how many did not arrive, and were announced */
function checkClient(report: ClientReport, [old, next]: readonly [Side, Side], left: Map<string, number>) {
  const { name, sent, received, uncertain, reasons } = report;
  const here = JSON.stringify({ report, old: old.received.get(name), next: next.received.get(name) });
  assert.deepEqual(reasons, ["expired"], here);

  const arrived = [...(old.received.get(name) ?? []), ...(next.received.get(name) ?? [])];
  assert.deepEqual(
    arrived,
    [...new Set(arrived)].toSorted((a, b) => a - b),
    `doubled, or out of order: ${here}`,
  );
  const lostUp = sent - arrived.length;
  assert.ok(lostUp <= uncertain, `${lostUp} of the client were lost, and ${uncertain} announced: ${here}`);

  let lostDown = 0;
  for (const [server, side] of [["old", old] as const, ["new", next] as const]) {
    const came = received.filter((text) => text.startsWith(server));
    assert.deepEqual(
      came,
      came.map((_, index) => textOf(server, index + 1)),
      `doubled, or out of order: ${here}`,
    );
    lostDown += (side.sent.get(name) ?? 0) - came.length;
    if (server === "new") assert.equal(came.length, side.sent.get(name) ?? 0, here);
  }
  const announced = left.get(name) ?? 0;
  assert.ok(lostDown <= announced, `${lostDown} of the server were lost, and ${announced} announced: ${here}`);
  return { lostUp, uncertain, lostDown, announced };
}

describe(`a server with ${count} sessions that is started again`, () => {
  it("has its clients come to the next one with no peak, and each message arrives or is announced", async (t) => {
    const clients = setClients(t);
    const { server, side: old } = await setSide(t, "old", await findFreePort());
    const transports = Array.from({ length: count }, (_, index) => kinds[index % kinds.length] ?? "websocket");
    await clients.ask({ type: "connect", url: server.url, clients: transports, pauseMs }, "open");
    assert.equal(old.sessions.size, count);

    const lag = monitorEventLoopDelay();
    lag.enable();
    const begunMs = performance.now();
    const stopped = server.stop({ timeoutMs: stopMs });
    // On the same port, as a process that is started again: from now on it takes whoever comes.
    const { side: next } = await setSide(t, "new", server.port);
    assert.equal(await stopped, true);
    lag.disable();
    const left = old.unacknowledged();
    const tookMs = performance.now() - begunMs;
    const answer = await clients.ask({ type: "finish" }, "done");
    assert.ok(answer.type === "done");

    assert.equal(next.openedAtMs.length, count);
    const slots = slotsOf(next.openedAtMs, begunMs);
    const peak = Math.max(...slots.map((each) => each / mean));
    // Those that a busy machine has held up come together. One with time for this is late by some milliseconds.
    const lateMs = lag.max / 1e6 + answer.lateMs;
    const most = mostOfMean + (lateMs * slotCount) / drainMs;
    const found = `${peak.toFixed(2)} times the mean, of at most ${most.toFixed(2)}: ${slots.join(" ")} in slots of ${mean}`;
    t.diagnostic(`${found}; stopped in ${tookMs.toFixed()} ms`);
    assert.ok(peak <= most, found);

    const sums = { lostUp: 0, uncertain: 0, lostDown: 0, announced: 0, sent: 0 };
    for (const report of answer.reports) {
      const ofClient = checkClient(report, [old, next], left);
      for (const [name, sum] of Object.entries(ofClient)) sums[name as keyof typeof ofClient] += sum;
      sums.sent += report.sent;
    }
    t.diagnostic(JSON.stringify(sums));
    const waits = answer.reports.filter((report) => report.waits > 0).length;
    t.diagnostic(`${waits} of ${count} clients had no transport for a moment`);
  });
});
