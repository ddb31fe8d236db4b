import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, messagesOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("a session over a stream", () => {
  it("echoes what its client sends in requests of their own", async (t) => {
    const { port } = await setSessions(t);
    const down = await SessionRequester.connect(port);
    const up = await SessionRequester.connect(port);
    const attached = await down.stream([attachRecord(1, { mode: "stream" })]);
    const credentials = credentialsOf(attached);
    const sent = await up.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "hello", Uint8Array.of(0, 255)], {
      credentials,
    });
    assert.equal(sent.status, 200);
    assert.deepEqual(sent.records, [{ type: "ack", received: 2 }]);
    assert.deepEqual(await down.nextRecords(), ["hello"]);
    assert.deepEqual(await down.nextRecords(), [Uint8Array.of(0, 255)]);
  });
});

describe("a session over polls", () => {
  it("echoes what its client sends, all of a turn in one answer", async (t) => {
    const { port } = await setSessions(t);
    const down = await SessionRequester.connect(port);
    const up = await SessionRequester.connect(port);
    const { records } = await down.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    const answer = down.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    await up.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "a", "b"], { credentials });
    assert.deepEqual((await answer).records, ["a", "b"]);
  });

  it("acknowledges the end of its client in the poll, too, whose answer may come before that to the send", async (t) => {
    const { port } = await setSessions(t);
    const down = await SessionRequester.connect(port);
    const up = await SessionRequester.connect(port);
    const { records } = await down.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    const answer = down.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    const close = { type: "close", code: 1000, reason: "" } as const;
    const sent = await up.ask([{ type: "send", attach: 1, first: 1, received: 0 }, close], { credentials });
    assert.deepEqual(sent.records[0], { type: "ack", received: 1 });
    assert.deepEqual((await answer).records, [
      { type: "ack", received: 1 },
      { type: "detach", code: 1000, reason: "" },
    ]);
    // The next poll may be on its way already.
    const late = await down.ask([{ type: "poll", attach: 1, poll: 2, received: 0 }], { credentials });
    assert.equal(late.status, 200);
    assert.deepEqual(late.records, (await answer).records);
    const other = { ...credentials, session: "x".repeat(22) };
    const unknown = await down.ask([{ type: "poll", attach: 1, poll: 2, received: 0 }], { credentials: other });
    assert.equal(unknown.status, 410);
  });
});

describe("a client that changes its transport", () => {
  it("goes from a WebSocket to a stream, to polls, and back, without loss", async (t) => {
    const { port, channels, log } = await setSessions(t);
    const up = await SessionRequester.connect(port);
    const socket = await SessionWebSocket.open(port);
    let credentials = credentialsOf(await socket.attach(attachRecord(1)));
    const [channel] = channels;
    assert.equal(channel?.kind, "websocket");
    socket.send("1");
    assert.equal(await socket.next(), "1");
    channel?.send("lost on the WebSocket");

    const stream = await SessionRequester.connect(port);
    const second = await stream.stream([attachRecord(2, { received: 1, mode: "stream" })], { credentials });
    assert.deepEqual([second.resumed, second.received, second.first], [true, 1, 2]);
    assert.equal(channel?.kind, "http-streaming");
    assert.deepEqual(await stream.nextRecords(), ["lost on the WebSocket"]);
    credentials = credentialsOf(second);
    await up.ask([{ type: "send", attach: 2, first: 2, received: 2 }, "2"], { credentials });
    assert.deepEqual(await stream.nextRecords(), ["2"]);
    channel.send("lost on the stream");

    const polls = await SessionRequester.connect(port);
    const third = await polls.ask([attachRecord(3, { received: 3, mode: "poll" })], { credentials });
    assert.equal(channel.kind, "long-polling");
    assert.deepEqual(third.records.slice(1), ["lost on the stream"]);
    credentials = credentialsOf(attachedOf(third.records));
    const polled = polls.ask([{ type: "poll", attach: 3, poll: 1, received: 4 }], { credentials });
    await up.ask([{ type: "send", attach: 3, first: 3, received: 4 }, "3"], { credentials });
    assert.deepEqual((await polled).records, ["3"]);
    channel.send("lost on polls");

    const back = await SessionWebSocket.open(port);
    const fourth = await back.attach(attachRecord(4, { received: 5, ...credentials }));
    assert.deepEqual([fourth.resumed, fourth.received, fourth.first], [true, 3, 6]);
    assert.equal(await back.next(), "lost on polls");
    assert.equal(channel.kind, "websocket");
    assert.equal(channels.length, 1);
    assert.deepEqual(messagesOf(log), ["1", "2", "3"]);
    assert.deepEqual(log.of("close"), []);
  });
});
