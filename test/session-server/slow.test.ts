import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { Sessions, SessionsOptions } from "../../src/index.ts";
import { createSessions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const message = (index: number): string => `${index} `.padEnd(100_000, "x");
/** The default of `maxUnacknowledgedBytes` holds ten of these, and the one that goes over it is kept, too. */
const mostKept = 11;
const mostKeptBytes = 1024 * 1024 + 100_064;

describe("a client that does not read", () => {
  it("loses its stream, and resumes with all that is kept", async (t) => {
    const { port, channels, sessions } = await setSessions(t);
    const stream = await SessionRequester.connect(port);
    const credentials = credentialsOf(await stream.stream([attachRecord(1, { mode: "stream" })]));
    stream.client.pause();
    const [channel] = channels;
    for (let index = 1; index <= mostKept; index += 1) assert.equal(channel?.send(message(index)), true);
    assert.ok((channel?.bufferedAmount ?? 0) <= mostKeptBytes);
    stream.client.resume();
    await stream.client.waitForEnd();
    assert.equal(channel?.isOpen, true);
    assert.equal(sessions.size, 1);

    const socket = await SessionWebSocket.open(port);
    const attached = await socket.attach(attachRecord(2, credentials));
    assert.deepEqual([attached.resumed, attached.first], [true, 1]);
    for (let index = 1; index <= mostKept; index += 1) assert.equal(await socket.next(), message(index));
  });

  it("loses its WebSocket with 4003", async (t) => {
    const { port, channels } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.socket.client.pause();
    for (let index = 1; index <= mostKept; index += 1) channels[0]?.send(message(index));
    socket.socket.client.resume();
    let count = 0;
    // What is in the socket by then still comes, and whole.
    const close = async (): Promise<{ code: number; reason: string }> => {
      for (;;) {
        const frame = await socket.socket.nextFrame();
        if (frame.opcode === 8)
          return { code: frame.payload.readUInt16BE(0), reason: frame.payload.subarray(2).toString() };
        count += 1;
      }
    };
    assert.deepEqual(await close(), { code: 4003, reason: "slow" });
    assert.ok(count <= mostKept);
    assert.equal(channels[0]?.isOpen, true);
  });

  it("loses its session with the next message, so that no more is kept", async (t) => {
    const { port, channels, sessions, log } = await setSessions(t);
    const stream = await SessionRequester.connect(port);
    const credentials = credentialsOf(await stream.stream([attachRecord(1, { mode: "stream" })]));
    stream.client.pause();
    const [channel] = channels;
    let most = 0;
    let taken = 0;
    for (let index = 1; index <= 100; index += 1) {
      if (channel?.send(message(index)) === true) taken += 1;
      most = Math.max(most, channel?.bufferedAmount ?? 0);
    }
    assert.equal(taken, mostKept);
    assert.ok(most <= mostKeptBytes, `${most} bytes`);
    assert.equal(channel?.bufferedAmount, 0);
    assert.deepEqual((await log.waitFor("close")).args[0], "overflow");
    assert.equal(sessions.size, 0);
    const polls = await SessionRequester.connect(port);
    const again = await polls.ask([attachRecord(2, { mode: "poll" })], { credentials });
    const { resumed, reason } = attachedOf(again.records);
    assert.deepEqual([resumed, reason], [false, "overflow"]);
  });
});

describe("a handler that never finishes", () => {
  const limits = { maxQueuedMessages: 2, receiveStallTimeoutMs: 100, closeGraceMs: 100 };

  async function setStalled(
    t: Parameters<typeof setServer>[0],
    options: SessionsOptions<undefined> = {},
  ): Promise<{ readonly port: number; readonly log: Recorder; readonly sessions: Sessions }> {
    const log = new Recorder();
    const sessions = createSessions(options);
    const { port } = await setServer(
      t,
      (request) =>
        sessions.accept(request, (channel) => {
          channel.onReceive((received) => {
            log.record("message", received);
            return new Promise(() => undefined);
          });
          channel.onClose(log.as("close"));
        }),
      { limits },
    );
    return { port, log, sessions };
  }

  const ended = ["overflow", { code: 4004, reason: "a receive handler did not finish", wasClean: false }];

  it("ends the session of a WebSocket with 4004 when more waits than may", async (t) => {
    const { port, log, sessions } = await setStalled(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.send("1", "2", "3", "4");
    assert.deepEqual((await log.waitFor("close")).args, ended);
    await socket.socket.expectClose(4004, { reason: "a receive handler did not finish" });
    assert.deepEqual(log.names(), ["message", "close"]);
    assert.equal(sessions.size, 0);
  });

  it("ends the session of polls, whose send is answered then", async (t) => {
    const { port, log } = await setStalled(t);
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const answer = http.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "1", "2", "3"], { credentials });
    assert.deepEqual((await log.waitFor("close")).args, ended);
    assert.equal((await answer).status, 200);
    const over = await http.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    assert.deepEqual([over.status, over.records], [410, [{ type: "detach", code: 4005, reason: "unknown" }]]);
    const again = attachedOf((await http.ask([attachRecord(2, { mode: "poll" })], { credentials })).records);
    assert.deepEqual([again.resumed, again.reason], [false, "overflow"]);
  });

  it("does not end it while only what may wait does", async (t) => {
    const { port, log } = await setStalled(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.send("1", "2");
    await socket.socket.expectNothing(400);
    assert.deepEqual(log.names(), ["message"]);
  });
});
