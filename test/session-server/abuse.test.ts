import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, describe, it } from "node:test";
import { opcodes, ping } from "../support/frames.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { cpuTimeMs } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import {
  attachRecord,
  createKey,
  credentialsOf,
  isControl,
  SessionRequester,
  SessionWebSocket,
} from "./session-client.ts";
import { attachedOf, messagesOf, setGated, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const mostAttach = 2 ** 53 - 1;
const payload = Buffer.alloc(125, "x");

describe("a key of a session", () => {
  it("that is the id of another one says nothing of that one", async (t) => {
    const { port } = await setSessions(t, { authorize: ({ headers }) => headers.get("x-user") });
    const as = (user: string): { fields: Record<string, string> } => ({ fields: { "x-user": user } });
    const victim = await SessionRequester.connect(port);
    const held = attachedOf((await victim.ask([attachRecord(1, { mode: "poll" })], as("ada"))).records);
    const credentials = credentialsOf(held);
    const closing = [
      { type: "send", attach: 1, first: 1, received: 0 },
      { type: "close", code: 1000, reason: "" },
    ] as const;
    await victim.ask(closing, { credentials });

    const attacker = await SessionRequester.connect(port);
    const record = attachRecord(mostAttach, { mode: "poll", key: held.session });
    const taken = credentialsOf(attachedOf((await attacker.ask([record], as("eve"))).records));
    const end = [{ ...closing[0], attach: mostAttach }, closing[1]] as const;
    await attacker.ask(end, { credentials: taken });

    const again = await victim.ask([attachRecord(2, { mode: "poll" })], { credentials, ...as("ada") });
    assert.equal(again.status, 200);
    assert.equal(attachedOf(again.records).resumed, false);
  });

  it("opens it no more once its client has used a secret", async (t) => {
    const { port, channels } = await setSessions(t);
    const key = createKey();
    const first = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1, { key }));
    const second = await SessionWebSocket.open(port);
    const resumed = await second.attach(attachRecord(2, { key: createKey(), ...credentialsOf(attached) }));
    assert.equal(resumed.resumed, true);
    const other = await SessionWebSocket.open(port);
    other.control(attachRecord(3, { key }));
    await other.socket.expectClose(4005, { reason: "unknown" });
    channels[0]?.send("still hers");
    assert.equal(await second.next(), "still hers");
  });
});

describe("a WebSocket over which one session after the other is opened", () => {
  it("lets go of the one before, which ends when nobody comes for it", async (t) => {
    const { port, channels, sessions, log } = await setSessions(t, { limits: { resumeWindowMs: 100 } });
    const socket = await SessionWebSocket.open(port);
    for (let attach = 1; attach <= 3; attach += 1) await socket.attach(attachRecord(attach));
    await log.waitFor("close", { count: 2 });
    assert.deepEqual(
      channels.map(({ isOpen }) => isOpen),
      [false, false, true],
    );
    assert.equal(sessions.size, 1);
  });

  it("goes on where counts did not fit, with another session over the same WebSocket", async (t) => {
    const { port, channels } = await setSessions(t);
    const socket = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await socket.attach(attachRecord(1)));
    const again = await socket.attach(attachRecord(2, { ...credentials, gap: true }));
    assert.deepEqual([again.resumed, again.reason], [false, "gap"]);
    channels[1]?.send("here");
    assert.equal(await socket.next(), "here");
  });
});

describe("a client that reads nothing and asks for answers", () => {
  it("loses its WebSocket once more waits than a message may be behind", async (t) => {
    const { port, channels, sessions } = await setSessions(t);
    const { socket } = await SessionWebSocket.open(port);
    socket.sendBinary("");
    socket.sendText(JSON.stringify(attachRecord(1)));
    await socket.nextMessage();
    socket.client.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => ping(payload)));
    // Far more than the system takes for a socket that is not read. Whoever ends a WebSocket reads on, and throws it away.
    for (let count = 0; count < 200; count += 1) {
      if (!socket.client.socket.write(pings)) await once(socket.client.socket, "drain");
    }
    socket.client.resume();
    let frame = await socket.nextFrame();
    while (frame.opcode !== opcodes.close) frame = await socket.nextFrame();
    assert.equal(frame.payload.readUInt16BE(0), 4003);
    assert.equal(channels[0]?.isOpen, true);
    assert.equal(sessions.size, 1);
  });
});

describe("a send with more messages than a slow handler is to have waiting", () => {
  it("is taken in part, and answered after as long as a poll is held", async (t) => {
    const { port, gate, received } = await setGated(t, { pollHoldMs: 100 });
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const messages = Array.from({ length: 100 }, (_, index) => `${index + 1}`);
    const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
    assert.deepEqual((await http.ask([send, ...messages], { credentials })).records, [{ type: "ack", received: 3 }]);
    gate.resolve();
    for (let first = 4; first <= messages.length;) {
      const { records } = await http.ask([{ ...send, first }, ...messages.slice(first - 1)], { credentials });
      const [ack] = records;
      assert.ok(isControl(ack) && ack.type === "ack" && ack.received >= first);
      first = ack.received + 1;
    }
    assert.deepEqual(received, messages);
  });

  it("is read only as far as that takes little time: the client comes again with the rest", async (t) => {
    const { port, log } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const messages = Array.from({ length: 300_000 }, (_, index) => (index === 4095 ? "the first of the rest" : ""));
    const send = { type: "send", attach: 1, received: 0 } as const;
    const { records } = await http.ask([{ ...send, first: 1 }, ...messages], { credentials });
    assert.deepEqual(records, [{ type: "ack", received: 4095 }]);
    const rest = [{ ...send, first: 4096 }, ...messages.slice(4095, 4100)] as const;
    assert.deepEqual((await http.ask(rest, { credentials })).records, [{ type: "ack", received: 4100 }]);
    assert.equal(messagesOf(log)[4095], "the first of the rest");
  });

  it("is not read where there is no session", async (t) => {
    const { port } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const large = "x".repeat(100_000);
    const records = [{ type: "send", attach: 1, first: 1, received: 0 } as const, large];
    assert.equal((await http.ask(records)).status, 410);
    const credentials = { session: createKey(), secret: createKey() };
    assert.equal((await http.ask(records, { credentials })).status, 410);
  });
});

describe("a client that has the end of its session already", () => {
  it("is told that there is no such session when it says so in an attach", async (t) => {
    const { port, channels } = await setSessions(t);
    const first = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await first.attach(attachRecord(1)));
    channels[0]?.close(4200, "enough");
    assert.deepEqual(await first.next(), { type: "close", code: 4200, reason: "enough" });
    first.socket.client.reset();
    const second = await SessionWebSocket.open(port);
    second.control(attachRecord(2, { ...credentials, received: 1 }));
    await second.socket.expectClose(4005, { reason: "unknown" });
  });
});

describe("a stream without messages", () => {
  it("is never silent for longer than its tick", async (t) => {
    const { port } = await setSessions(t, { limits: { streamTickMs: 500 } });
    const http = await SessionRequester.connect(port);
    await http.stream([attachRecord(1, { mode: "stream" })]);
    let atMs = ownTimeMs();
    for (let count = 0; count < 4; count += 1) {
      await http.nextChunk();
      const gapMs = ownTimeMs() - atMs;
      assert.ok(gapMs < 800, `${gapMs} ms`);
      atMs = ownTimeMs();
    }
  });
});

describe("a preflight", () => {
  it("is read in time, whatever stands in it", async (t) => {
    const { port } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const field = `Access-Control-Request-Headers: a${" ".repeat(8000)}b\r\n`;
    const head = `OPTIONS / HTTP/1.1\r\nHost: localhost\r\n${field.repeat(5)}\r\n`;
    const begunMs = cpuTimeMs();
    for (let count = 0; count < 20; count += 1) {
      http.client.write(head);
      await http.client.readResponse();
    }
    // What looks at the spaces again from each of them takes several seconds.
    assert.ok(cpuTimeMs() - begunMs < 1000);
  });
});
