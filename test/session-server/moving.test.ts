import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { Stopwatch } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import {
  type AttachedRecord,
  attachRecord,
  credentialsOf,
  isControl,
  post,
  SessionRequester,
  SessionWebSocket,
} from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const ofEachKind = 120;
const stopMs = 8000;
/** How much later than its deadline a stop may be, in the time that this process has. */
const graceMs = 400;
/** By then all have been sent elsewhere: four fifths of the first half. */
const lastMs = 3200;

describe("a server with many sessions that stops", () => {
  it("sends each elsewhere at a time of its own, by whatever transport, and no more in a tenth of the time than in others", async (t) => {
    const { server, port } = await setSessions(t, {}, { limits: { maxConnectionsPerAddress: 10_000 } });
    const sockets: SessionWebSocket[] = [];
    const streams: SessionRequester[] = [];
    const polls: { readonly requester: SessionRequester; readonly attached: AttachedRecord }[] = [];
    for (let count = 0; count < ofEachKind; count += 1) {
      const socket = await SessionWebSocket.open(port);
      await socket.attach(attachRecord(1));
      sockets.push(socket);
      const stream = await SessionRequester.connect(port);
      await stream.stream([attachRecord(1, { mode: "stream" })]);
      streams.push(stream);
      const requester = await SessionRequester.connect(port);
      const attached = attachedOf((await requester.ask([attachRecord(1, { mode: "poll" })])).records);
      polls.push({ requester, attached });
    }
    const parked = polls.map(({ requester, attached }) => {
      const poll = { type: "poll", attach: 1, poll: 1, received: 0 } as const;
      requester.client.write(post([poll], { credentials: credentialsOf(attached) }));
      return requester.answer({ timeoutMs: 2 * stopMs });
    });
    // Sent later, so that all polls are parked when this is answered.
    const last = await SessionRequester.connect(port);
    await last.ask([attachRecord(1, { mode: "poll" })]);

    const watch = new Stopwatch();
    const stopped = server.stop({ timeoutMs: stopMs });
    const times = await Promise.all([
      ...sockets.map(async (socket) => (await socket.nextControl("goaway")).afterMs),
      ...streams.map(async (stream) => afterOf((await stream.nextRecords())[0])),
      ...parked.map(async (answer) => afterOf((await answer).records[0]) + watch.tookMs),
    ]);
    assert.equal(await stopped, true);
    assert.ok(watch.tookMs > lastMs && watch.ownTookMs < stopMs + graceMs, `${watch.tookMs} ms`);

    const announced = times.slice(0, 2 * ofEachKind);
    assert.equal(new Set(announced).size, announced.length);
    assert.deepEqual(
      tenthsOf(announced),
      Array.from({ length: 10 }, () => announced.length / 10),
    );
    // A poll is answered when its time has come: the third of each three clients. Late where the machine is busy, but not early.
    for (const [index, atMs] of times.slice(2 * ofEachKind).entries()) {
      const dueMs = (lastMs * (3 * index + 2.5)) / (3 * ofEachKind);
      assert.ok(atMs >= dueMs - 2, `${atMs} ms, due at ${dueMs} ms`);
    }
  });
});

function afterOf(record: Parameters<typeof isControl>[0]): number {
  assert.ok(isControl(record) && record.type === "goaway", JSON.stringify(record));
  return record.afterMs;
}

/** How many of the times are in each tenth of the whole. */
function tenthsOf(times: readonly number[]): number[] {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const atMs of times) {
    const tenth = Math.min(9, Math.floor((10 * atMs) / lastMs));
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  return tenths;
}
