import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const gap = { type: "detach", code: 4008, reason: "gap" };

/** A server whose application says something in the turn in which an attach ends its session, or is refused. */
async function setSpeaking(t: Parameters<typeof setSessions>[0]) {
  const set = await setSessions<string>(t, {
    authorize: ({ headers }) => {
      const user = headers.get("authorization")?.replace("Bearer ", "");
      // The session before, if there is one.
      set.channels[0]?.send("last words");
      return user === "nobody" ? undefined : "ada";
    },
  });
  return set;
}

describe("what the application sends in the turn in which its session ends", () => {
  it("comes over a poll that is held, in front of the reason", async (t) => {
    const { port } = await setSpeaking(t);
    const polls = await SessionRequester.connect(port);
    const { records } = await polls.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    polls.client.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials }));
    const other = await SessionRequester.connect(port);
    // Behind the poll, so that it is held by now.
    assert.equal((await other.ask([{ type: "send", attach: 1, first: 1, received: 0 }], { credentials })).status, 200);
    await other.ask([attachRecord(2, { mode: "poll", gap: true })], { credentials });
    const { status, records: last } = await polls.answer();
    assert.deepEqual([status, last], [409, ["last words", gap]]);
  });

  it("comes over a stream, in front of the reason", async (t) => {
    const { port } = await setSpeaking(t);
    const stream = await SessionRequester.connect(port);
    const credentials = credentialsOf(await stream.stream([attachRecord(1, { mode: "stream" })]));
    const other = await SessionRequester.connect(port);
    await other.ask([attachRecord(2, { mode: "poll", gap: true })], { credentials });
    assert.deepEqual(await stream.nextRecords(), ["last words"]);
    assert.deepEqual(await stream.nextRecords(), [gap]);
  });

  it("comes over a WebSocket, in front of the reason", async (t) => {
    const { port } = await setSpeaking(t);
    const socket = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await socket.attach(attachRecord(1)));
    const other = await SessionRequester.connect(port);
    await other.ask([attachRecord(2, { mode: "poll", gap: true })], { credentials });
    assert.equal(await socket.next(), "last words");
    await socket.socket.expectClose(4008, { reason: "gap" });
  });
});

describe("what the application sends in the turn in which a WebSocket is refused that asks again", () => {
  it("comes in front of that: a client that is sent away for good would never have it", async (t) => {
    const { port } = await setSpeaking(t);
    const socket = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await socket.attach(attachRecord(1)));
    socket.control(attachRecord(2, { ...credentials, token: "nobody" }));
    assert.equal(await socket.next(), "last words");
    await socket.socket.expectClose(4501, { reason: "denied" });
  });
});

describe("what the application sends in the turn in which a server that stops lets go of its clients", () => {
  /** All timers that are due are served before anything is written: that of the send, and then those of the stop. */
  function stopAndSend({ server, channels }: Awaited<ReturnType<typeof setSessions>>): Promise<boolean> {
    const stopped = server.stop({ timeoutMs: 1500 });
    setTimeout(() => channels[0]?.send("last words"), 1);
    for (const untilMs = performance.now() + 800; performance.now() < untilMs;);
    return stopped;
  }

  it("comes over a poll that is held: its client may go on elsewhere", async (t) => {
    const set = await setSessions(t);
    const polls = await SessionRequester.connect(set.port);
    const { records } = await polls.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    polls.client.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials }));
    const other = await SessionRequester.connect(set.port);
    assert.equal((await other.ask([{ type: "send", attach: 1, first: 1, received: 0 }], { credentials })).status, 200);
    const stopped = stopAndSend(set);
    // As it would be in time: also in a process that was held up it is told to go, and not that it was cut off.
    const { status, records: last } = await polls.answer();
    assert.deepEqual([status, last], [200, ["last words", { type: "goaway", afterMs: 0 }]]);
    await stopped;
  });

  it("comes over a WebSocket", async (t) => {
    const set = await setSessions(t);
    const socket = await SessionWebSocket.open(set.port);
    await socket.attach(attachRecord(1));
    const stopped = stopAndSend(set);
    assert.deepEqual((await socket.nextControl("goaway")).type, "goaway");
    assert.equal(await socket.next(), "last words");
    await socket.socket.expectClose(4000, { reason: "shutdown" });
    await stopped;
  });
});
