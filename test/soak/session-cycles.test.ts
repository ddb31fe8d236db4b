import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import {
  attachRecord,
  credentialsOf,
  isControl,
  SessionRequester,
  SessionWebSocket,
} from "../session-server/session-client.ts";
import { attachedOf } from "../session-server/set-sessions.ts";
import { eventually } from "../support/expect.ts";
import { activeResources, heapUsedAfterGarbageCollection, openDescriptors } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

const count = 100_000;
/** What is remembered of sessions that are over is full by then. */
const warmUpCount = 4000;
const parallel = 16;
/** What chance is there in a heap of which nothing was lost: 20 bytes for each session. */
const chanceBytes = 2 * 2 ** 20;

const name = `${count} sessions that come and go, closed, aborted or left: memory, descriptors and timers are as before`;

test(name, { timeout: 550_000 }, async (t) => {
  let opened = 0;
  let closed = 0;
  const sessions = createSessions({
    // Each is a user of its own, whose right would last for long.
    authorize: () => opened,
    expiresAtMs: () => Date.now() + 3_600_000,
    // Nobody polls: a client is away as soon as a poll would have been answered and made again.
    limits: {
      resumeWindowMs: 300,
      pollHoldMs: 300,
      pongTimeoutMs: 300,
      maxEndedSessions: 1000,
      maxSessions: count,
      maxNewSessionsPerAddress: count,
    },
  });
  const { port, errors } = await setServer(t, (request) =>
    sessions.accept(request, (channel) => {
      opened += 1;
      channel.onReceive((message) => void channel.send(message));
      channel.onClose(() => void (closed += 1));
    }),
  );
  const run = async (sum: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      const http = await SessionRequester.connect(port);
      for (let index = next++; index < sum; index = next++) {
        await (index % 10 === 0 ? dropOne(port) : comeAndGo(http, index));
      }
      http.client.destroy();
      await http.client.closed;
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    await eventually(() => assert.equal(closed, opened), { timeoutMs: 10_000 });
    assert.equal(sessions.size, 0);
  };

  await run(warmUpCount);
  await eventually(() => assert.equal(activeResources()["TCPSocketWrap"], undefined), { timeoutMs: 5000 });
  const heap = await heapUsedAfterGarbageCollection();
  const descriptors = openDescriptors();
  const resources = activeResources();
  await run(count);

  assert.ok(opened === count + warmUpCount);
  await eventually(() => assert.equal(openDescriptors(), descriptors), { timeoutMs: 5000 });
  await eventually(() => assert.deepEqual(activeResources(), resources), { timeoutMs: 5000 });
  await eventually(
    async () => {
      const growth = (await heapUsedAfterGarbageCollection()) - heap;
      assert.ok(growth < chanceBytes, `the heap grew by ${growth} bytes`);
    },
    { timeoutMs: 10_000 },
  );
  assert.deepEqual(errors, []);
});

/** A session over requests, with a message that is echoed; it is closed, or left to the time in which it could be resumed. */
async function comeAndGo(http: SessionRequester, index: number): Promise<void> {
  const attached = attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records);
  if (index % 2 === 0) return;
  const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
  const end = { type: "close", code: 1000, reason: "" } as const;
  const { records } = await http.ask([send, "a message", end], { credentials: credentialsOf(attached) });
  assert.ok(isControl(records[0]), "the end is acknowledged");
}

/** A session over a WebSocket whose connection is reset. */
async function dropOne(port: number): Promise<void> {
  const socket = await SessionWebSocket.open(port);
  await socket.attach(attachRecord(1));
  socket.send("a message");
  assert.equal(await socket.next(), "a message");
  socket.socket.client.reset();
  await socket.socket.client.closed;
}
