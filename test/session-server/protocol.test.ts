import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions, MemoryChannelStore, withChannel } from "../../src/index.ts";
import type { ControlRecord } from "../../src/protocol/control-record.ts";
import { encodeRecord } from "../../src/protocol/record-codec.ts";
import { setServer } from "../server/set-server.ts";
import { Stopwatch } from "../support/own-time.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import {
  attachRecord,
  controlFrames,
  credentialsOf,
  post,
  SessionRequester,
  SessionWebSocket,
} from "./session-client.ts";
import { attachedOf, messagesOf, setGated, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("a client of another version", () => {
  it("is accepted over a WebSocket and closed with 4502 and the versions that are known", async (t) => {
    const { port } = await setSessions(t);
    const socket = await openWebSocket(port, "/", { protocols: ["channelkit.7", "channelkit.8"] });
    assert.equal(socket.response.header("sec-websocket-protocol"), "channelkit.7");
    await socket.expectClose(4502, { reason: "1" });
  });

  it("is refused with what to do over a WebSocket that offers none, as the plain ones of browsers and tools do", async (t) => {
    const { port } = await setSessions(t);
    for (const protocols of [[], ["chat"]]) {
      const socket = await openWebSocket(port, "/", { protocols });
      const reason = "Sessions are served here: dial with connect of channelkit/client, or offer channelkit.1.";
      await socket.expectClose(4502, { reason });
    }
  });

  it("gets 400 over HTTP with the versions that are known", async (t) => {
    const { port } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const answer = await http.ask([attachRecord(1)], { fields: { "channelkit-protocol": "7" } });
    assert.equal(answer.status, 400);
    assert.equal(answer.response.header("channelkit-protocol"), "1");
    assert.deepEqual(answer.records, [{ type: "detach", code: 4502, reason: "1" }]);
  });
});

describe("a client of a later version", () => {
  it("is served as one of this: fields that are not known are ignored, of whatever type, and types of records", async (t) => {
    const { port, log } = await setSessions(t);
    const unknown = { waitMs: "soon", code: "x", holdMs: [], "": 0, more: { type: "ack", received: -1 } };
    const later = (record: Readonly<Record<string, unknown>>): ControlRecord =>
      ({ ...unknown, ...record }) as unknown as ControlRecord;
    const socket = await SessionWebSocket.open(port);
    await socket.attach(later(attachRecord(1)) as ReturnType<typeof attachRecord>);
    socket.control(later({ type: "notice", received: -1 }));
    socket.control(later({ type: "constructor" }));
    socket.control(later({ type: "ack", received: 0, first: "x" }));
    socket.send("over a WebSocket");
    assert.equal(await socket.next(), "over a WebSocket");
    const http = await SessionRequester.connect(port);
    const { records } = await http.ask([later({ ...attachRecord(1), mode: "poll", holdMs: null })]);
    const credentials = credentialsOf(attachedOf(records));
    const sent = await http.ask([later({ type: "send", attach: 1, first: 1, received: 0 }), "over HTTP"], {
      credentials,
    });
    assert.deepEqual(sent.records, [{ type: "ack", received: 1 }]);
    assert.deepEqual(messagesOf(log), ["over a WebSocket", "over HTTP"]);
  });
});

describe("a client that breaks the protocol", () => {
  it("is closed with 4007 when no attach comes in time", async (t) => {
    const { port } = await setSessions(t, { limits: { attachTimeoutMs: 50 } });
    const socket = await SessionWebSocket.open(port);
    await socket.socket.expectClose(4007, { reason: "late" });
  });

  it("is closed with 4500 when a message comes before the attach, which is reported", async (t) => {
    const { port, errors } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    socket.send("too early");
    await socket.socket.expectClose(4500, { reason: "nothing may come before an attach is answered" });
    assert.deepEqual(errors[0]?.details, {
      rule: "nothing may come before an attach is answered",
      remoteAddress: "127.0.0.1",
    });
  });

  it("loses its session with 4500 over a WebSocket, and the fault is reported once", async (t) => {
    const { port, errors, log } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.socket.sendBinary("");
    socket.socket.sendText("no record");
    await socket.socket.expectClose(4500);
    const { args } = await log.waitFor("close");
    const reason = "a control record must be a JSON object with a string as its type";
    assert.deepEqual(args, ["protocol-error", { code: 4500, reason, wasClean: false }]);
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["PEER_FAULT"],
    );
  });

  it("loses its session with 4500 when it acknowledges what was not sent", async (t) => {
    const { port, errors, log } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const { records } = await http.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    const answer = await http.ask([{ type: "send", attach: 1, first: 1, received: 9 }], { credentials });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.records, [{ type: "detach", code: 4500, reason: "9 is acknowledged, and 0 were sent" }]);
    await log.waitFor("close");
    assert.equal(errors[0]?.code, "PEER_FAULT");
  });

  it("is told 4503 for a message that is too large, by each transport", async (t) => {
    const { port, log } = await setSessions(t, { limits: { maxMessageBytes: 1000 } });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.send("x".repeat(1000), "ü".repeat(501));
    assert.equal(await socket.next(), "x".repeat(1000));
    await socket.socket.expectClose(4503);
    assert.equal((await log.waitFor("close")).args[0], "message-too-big");
    const http = await SessionRequester.connect(port);
    const { records } = await http.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
    const answer = await http.ask([send, "x".repeat(1001)], { credentials });
    assert.equal(answer.status, 413);
    assert.equal((answer.records[0] as { code: number }).code, 4503);
    assert.equal((await log.waitFor("close", { count: 2 })).args[0], "message-too-big");
  });

  it("gets 400 for a body that is none", async (t) => {
    const { port } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
    const cases = [
      { records: [] },
      { records: ["a message"] },
      { records: [{ type: "ping" }] },
      { records: [attachRecord(1), "a message"] },
      { records: [send, { type: "close", code: 1000, reason: "" }, "behind the end"] },
      { records: [attachRecord(1)], options: { fields: { "Content-Type": "text/plain" } } },
      { records: [attachRecord(1)], options: { fields: { "Content-Encoding": "gzip" } } },
    ] as const;
    for (const { records, ...rest } of cases) {
      const answer = await http.ask(records, "options" in rest ? rest.options : {});
      assert.equal(answer.status, 400, JSON.stringify(records));
      assert.equal((answer.records[0] as { code: number }).code, 4500);
    }
    http.client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const get = await http.client.readResponse();
    assert.deepEqual([get.status, get.header("allow")], [405, "POST"]);
    assert.match(get.text, /connect of channelkit\/client/);
    assert.equal(get.header("content-type"), "text/plain; charset=utf-8");
  });
});

describe("what a session puts on the wire", () => {
  it("are the very frames of a plain channel, and for a broadcast the same bytes, in one write", async (t) => {
    const store = new MemoryChannelStore();
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => {
      if (sessions.accepts(request)) return sessions.accept(request, (channel) => void store.add("all", channel));
      return withChannel(request, (channel) => void store.add("all", channel));
    });
    const plain = await openWebSocket(port);
    const session = await SessionWebSocket.open(port);
    await session.attach(attachRecord(1));
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    assert.equal(store.size("all"), 3);
    const messages = ["text", "ü".repeat(200), Buffer.from([0, 1, 2]), { json: true }];
    for (const message of messages) store.broadcast("all", message);
    for (const message of messages) {
      const frame = await plain.nextFrame();
      const same = await session.socket.nextFrame();
      assert.deepEqual(same.bytes, frame.bytes);
      const sent = message instanceof Buffer || typeof message === "string" ? message : JSON.stringify(message);
      assert.deepEqual(await stream.client.readChunk(), Buffer.from(encodeRecord(sent)));
    }
  });

  it("keeps parked members in a broadcast: a session that polls is not closed by it", async (t) => {
    const { port, channels } = await setSessions(t);
    const store = new MemoryChannelStore();
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const [channel] = channels;
    assert.ok(channel);
    store.add("all", channel);
    for (const poll of [1, 2]) {
      const answer = http.ask([{ type: "poll", attach: 1, poll, received: poll - 1 }], { credentials });
      store.broadcast("all", `number ${poll}`);
      assert.deepEqual((await answer).records, [`number ${poll}`]);
    }
    assert.equal(channel.isOpen, true);
  });

  it("escapes empty bytes and control records with an empty frame", async (t) => {
    const { port, channels } = await setSessions(t, { limits: { ackMessages: 1 } });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    channels[0]?.send(new Uint8Array(0));
    const empty = controlFrames({ type: "empty" });
    assert.deepEqual(await socket.socket.client.readBytes(empty.length), empty);
    socket.control({ type: "ack", received: 1 });
    socket.control({ type: "ping" });
    const pong = controlFrames({ type: "pong" });
    assert.deepEqual(await socket.socket.client.readBytes(pong.length), pong);
  });

  it("is never kept or changed on its way, and has no type that a browser shows", async (t) => {
    const { port } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const { response } = await http.ask([attachRecord(1, { mode: "poll" })]);
    for (const [name, value] of Object.entries({
      "content-type": "application/octet-stream",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    })) {
      assert.equal(response.header(name), value);
    }
  });
});

describe("the silence of a session", () => {
  it("is broken by a ping over a WebSocket, which ends with 4002 when nothing answers", async (t) => {
    const { port } = await setSessions(t, { limits: { pingIntervalMs: 50, pongTimeoutMs: 50 } });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    await socket.nextControl("ping");
    socket.control({ type: "pong" });
    await socket.nextControl("ping");
    // A ping of RFC 6455 is life, too.
    socket.socket.sendPing();
    await socket.nextControl("ping");
    await socket.socket.expectClose(4002, { reason: "silent" });
  });

  it("is broken by an ack over a stream, and by an answer to a poll", async (t) => {
    const { port } = await setSessions(t, { limits: { streamTickMs: 50, pollHoldMs: 50 } });
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    assert.deepEqual(await stream.nextRecords(), [{ type: "ack", received: 0 }]);
    assert.deepEqual(await stream.nextRecords(), [{ type: "ack", received: 0 }]);
    const polls = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await polls.ask([attachRecord(1, { mode: "poll" })])).records));
    const { records } = await polls.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    assert.deepEqual(records, [{ type: "ping" }]);
  });

  it("is as long over a poll as its client lets it be, and no longer than the server does", async (t) => {
    for (const [pollHoldMs, holdMs] of [
      [2 ** 30, 50],
      [50, 2 ** 30],
    ] as const) {
      const { port } = await setSessions(t, { limits: { pollHoldMs } });
      const polls = await SessionRequester.connect(port);
      const credentials = credentialsOf(attachedOf((await polls.ask([attachRecord(1, { mode: "poll" })])).records));
      const { records } = await polls.ask([{ type: "poll", attach: 1, poll: 1, received: 0, holdMs }], { credentials });
      assert.deepEqual(records, [{ type: "ping" }]);
    }
  });
});

describe("a fresh stream", () => {
  it("gets one tick a quarter to half a second behind the answer, whatever else is sent", async (t) => {
    const { port, channels } = await setSessions(t);
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    const watch = new Stopwatch();
    channels[0]?.send("first");
    assert.deepEqual(await stream.nextChunk(), ["first"]);
    assert.deepEqual(await stream.nextChunk(), [{ type: "tick" }]);
    assert.ok(watch.tookMs > 240 && watch.ownTookMs < 1000, `${watch.tookMs} ms`);
    channels[0]?.send("second");
    assert.deepEqual(await stream.nextChunk(), ["second"]);
  });
});

describe("a handler that is slow", () => {
  it("makes a client over a WebSocket wait, who is not taken for gone meanwhile", async (t) => {
    const { port, gate, received } = await setGated(t, { pingIntervalMs: 50, pongTimeoutMs: 50 });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.send("1", "2", "3", "4", "answer");
    // It answers none of these pings in a way that is read, and hears by them that the server is there.
    for (let count = 1; count <= 4; count += 1) assert.deepEqual(await socket.next(), { type: "ping" });
    assert.deepEqual(received, ["1"]);
    gate.resolve();
    let said = await socket.next();
    while (typeof said === "object") said = await socket.next();
    assert.equal(said, "answered");
    assert.deepEqual(received, ["1", "2", "3", "4", "answer"]);
  });

  it("makes a client over HTTP wait for the answer to its send, and takes no other meanwhile", async (t) => {
    const { port, gate, received } = await setGated(t);
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const first = http.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "1", "2", "3"], { credentials });
    await http.client.expectNothing(100);
    const other = await SessionRequester.connect(port);
    other.client.write(post([{ type: "send", attach: 1, first: 4, received: 0 }, "4"], { credentials }));
    await other.client.expectNothing(100);
    gate.resolve();
    assert.deepEqual((await first).records, [{ type: "ack", received: 3 }]);
    assert.deepEqual((await other.answer()).records, [{ type: "ack", received: 3 }]);
    assert.deepEqual(received, ["1", "2", "3"]);
  });
});

describe("the end of a session", () => {
  it("has no code of the protocol, which means something else to its client", async (t) => {
    const { port, channels } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    const [channel] = channels;
    for (const code of [4000, 4001, 4099, 4500, 4501, 4599]) {
      assert.throws(() => channel?.close(code), {
        name: "ChannelError",
        code: "INVALID_ARGUMENT",
        message: /4100 to 4499/,
      });
    }
    assert.equal(channel?.isOpen, true);
    assert.equal(channel.close(4100), true);
    // One that is closed says so, whatever it is given.
    assert.equal(channel.close(4000), false);
    assert.equal((await socket.nextControl("close")).code, 4100);
  });

  it("is told once, by whichever side closes, and never by the loss of a transport", async (t) => {
    const { port, log, channels, sessions } = await setSessions(t);
    const first = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1));
    first.socket.client.reset();
    const second = await SessionWebSocket.open(port);
    await second.attach(attachRecord(2, credentialsOf(attached)));
    assert.deepEqual(log.of("close"), []);
    second.control({ type: "close", code: 4200, reason: "bye" });
    assert.deepEqual(await second.next(), { type: "ack", received: 1 });
    await second.socket.expectClose(1000);
    assert.deepEqual((await log.waitFor("close")).args, ["unknown", { code: 4200, reason: "bye", wasClean: true }]);
    assert.equal(sessions.size, 0);
    assert.equal(channels[0]?.close(), false);
    assert.equal(channels[0].send("nobody hears"), false);

    const third = await SessionWebSocket.open(port);
    await third.attach(attachRecord(1));
    const [, channel] = channels;
    channel?.send("last words");
    assert.equal(channel?.close(4600, "room closed"), true);
    assert.equal(await third.next(), "last words");
    assert.deepEqual(await third.next(), { type: "close", code: 4600, reason: "room closed" });
    third.control({ type: "ack", received: 2 });
    await third.socket.expectClose(1000);
    third.socket.client.reset();
    assert.deepEqual(
      log.of("close").map(({ args }) => args[0]),
      ["unknown", "server-close"],
    );
    await channel.flushed();
  });

  it("is told over polls and sends, too", async (t) => {
    const { port, log, channels } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const poll = http.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    channels[0]?.close(4600, "room closed");
    assert.deepEqual((await poll).records, [{ type: "close", code: 4600, reason: "room closed" }]);
    const last = await http.ask([{ type: "send", attach: 1, first: 1, received: 1 }], { credentials });
    assert.deepEqual(last.records, [{ type: "ack", received: 0 }]);
    assert.equal(log.of("close").length, 1);
    const over = await http.ask([{ type: "send", attach: 1, first: 1, received: 1 }], { credentials });
    assert.equal(over.status, 410);

    const again = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const close = { type: "close", code: 1000, reason: "" } as const;
    const closing = await http.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "x", close], {
      credentials: again,
    });
    assert.deepEqual(closing.records, [{ type: "ack", received: 2 }]);
    assert.deepEqual((await log.waitFor("close", { count: 2 })).args[0], "normal");
    assert.deepEqual(messagesOf(log), ["x"]);
  });
});

describe("a server with sessions that stops", () => {
  it("tells each transport when to go, and then that it ends, and answers what is parked [P46]", async (t) => {
    const { server, port, sessions } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    const polls = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await polls.ask([attachRecord(1, { mode: "poll" })])).records));
    const parked = polls.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    // Sent later, so that the poll is parked when this is answered.
    const other = await SessionRequester.connect(port);
    await other.ask([{ type: "send", attach: 1, first: 1, received: 0 }], { credentials });
    const stopped = server.stop({ timeoutMs: 3000 });
    // Each at a time of its own, in the order in which they came: a sixth, three, and five sixths of 1200 ms.
    assert.deepEqual(await socket.nextControl("goaway"), { type: "goaway", afterMs: 200 });
    await socket.socket.expectClose(4000, { reason: "shutdown" });
    socket.socket.sendClose(4000);
    const detach = { type: "detach", code: 4000, reason: "shutdown" };
    assert.deepEqual(await stream.nextRecords(), [{ type: "goaway", afterMs: 600 }]);
    assert.deepEqual(await stream.nextRecords(), [detach]);
    assert.equal((await stream.client.readChunk()).length, 0);
    const answer = await parked;
    assert.deepEqual([answer.status, answer.records], [200, [{ type: "goaway", afterMs: 0 }]]);
    assert.equal(answer.response.header("connection"), "close");
    assert.equal(await stopped, true);
    // They could go on at another server that had them.
    assert.equal(sessions.size, 3);
  });
});

describe("a route that serves plain channels beside sessions", () => {
  it("tells by the request which of both it is", async (t) => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) => {
      if (!sessions.accepts(request)) return withChannel(request, (channel) => void channel.send("plain"));
      return sessions.accept(request, (channel) => void channel.send("session"));
    });
    const session = await SessionWebSocket.open(port);
    await session.attach(attachRecord(1));
    assert.equal(await session.next(), "session");
    const plain = await openWebSocket(port);
    assert.equal(await plain.nextMessage(), "plain");
    const curl = await connectRaw(port);
    curl.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert.equal((await curl.readResponse()).body.toString(), "plain");
    const http = await SessionRequester.connect(port);
    const { records } = await http.ask([attachRecord(1, { mode: "poll" })]);
    assert.deepEqual(records.slice(1), ["session"]);
    assert.deepEqual(
      [...sessions].map((channel) => sessions.get(channel.id) === channel),
      [true, true],
    );
  });
});
