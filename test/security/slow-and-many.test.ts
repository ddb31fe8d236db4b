import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, describe, it } from "node:test";
import {
  type Channel,
  createSessions,
  defaultLimits,
  defaultSessionLimits,
  type Limits,
  withChannel,
} from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import {
  type AttachedRecord,
  attachRecord,
  credentialsOf,
  isControl,
  post,
  SessionRequester,
  SessionWebSocket,
} from "../session-server/session-client.ts";
import { setSessions } from "../session-server/set-sessions.ts";
import { deferred, eventually, within } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { cpuTimeMs } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const kibibyte = "x".repeat(1024);

/** One by each transport. */
function requests(): Buffer[] {
  return [
    Buffer.from(handshakeRequest({ protocols: ["channelkit.1"] })),
    post([attachRecord(1, { mode: "stream" })]),
    post([attachRecord(1, { mode: "poll" })]),
    Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  ];
}

/** Sends a byte now and then until the connection has ended. */
function dribble(client: RawClient, bytes: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (client.ending !== undefined || sent >= bytes.length) clearInterval(timer);
    else client.write(bytes.subarray(sent, (sent += 1)));
  }, 20);
  void client.closed.then(() => clearInterval(timer));
}

/** A server that gives its channels to the test. */
async function setParked(t: Parameters<typeof setServer>[0], limits: Partial<Limits>) {
  const log = new Recorder();
  const { port } = await setServer(t, (request) => withChannel(request, log.as("channel")), { limits });
  let count = 0;
  return { port, taken: async () => (await log.waitFor("channel", { count: (count += 1) })).args[0] as Channel };
}

/** Sessions, each with a connection of its own; none is left behind where not all can be had. */
async function openAll(port: number, count: number): Promise<RawClient[]> {
  const opened: RawClient[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const { client, attached } = await attachBy(transports[index % 3] ?? "poll", port);
      opened.push(client);
      assert.ok(attached);
    }
    return opened;
  } catch (error) {
    for (const client of opened) client.reset();
    throw error;
  }
}

describe("S16 a client that sends a byte now and then", () => {
  it("S16 has so long for its head, and so long for all of its body, over every transport; others are served meanwhile", async (t) => {
    assert.deepEqual([defaultLimits.headersTimeoutMs, defaultLimits.requestTimeoutMs], [10_000, 30_000]);
    const limits = { headersTimeoutMs: 300, requestTimeoutMs: 300 };
    const { port, sessions } = await setSessions(t, {}, { limits });
    const slow: RawClient[] = [];
    for (const request of requests()) {
      for (let count = 0; count < 10; count += 1) {
        const client = await connectRaw(port);
        dribble(client, request);
        slow.push(client);
      }
      const bodyAt = request.indexOf("\r\n\r\n") + 4;
      if (bodyAt === request.length) continue;
      const client = await connectRaw(port);
      client.write(request.subarray(0, bodyAt));
      dribble(client, request.subarray(bodyAt));
      slow.push(client);
    }
    const begunMs = ownTimeMs();
    assert.ok((await attachBy("poll", port)).attached);
    assert.ok(ownTimeMs() - begunMs < 200);
    for (const client of slow) {
      assert.equal((await client.readResponse({ timeoutMs: 5000 })).status, 408);
      await client.waitForEnd();
    }
    assert.equal(sessions.size, 1);
  });

  it("S16 has so long to attach over a WebSocket, whatever else it sends", async (t) => {
    assert.equal(defaultSessionLimits.attachTimeoutMs, 10_000);
    const { port } = await setSessions(t, { limits: { attachTimeoutMs: 300 } });
    const { socket } = await SessionWebSocket.open(port);
    const timer = setInterval(() => socket.sendPing(), 50);
    t.after(() => clearInterval(timer));
    let frame = await socket.nextFrame();
    while (frame.opcode !== 8) frame = await socket.nextFrame();
    assert.equal(frame.payload.readUInt16BE(0), 4007);
  });

  it("S16 reads nothing of a whole answer, and is cut when nothing of it has moved for so long", async (t) => {
    assert.equal(defaultLimits.idleTimeoutMs, 75_000);
    const { port, taken } = await setParked(t, { idleTimeoutMs: 300 });
    for (const more of ["", "Connection: close\r\n"]) {
      const client = await connectRaw(port);
      client.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);
      const channel = await taken();
      client.pause();
      channel.send(Buffer.alloc(30_000_000));
      await within(5000, channel.flushed(), "the end");
      client.resume();
      await client.waitForEnd();
      assert.ok(client.received.length < 30_000_000);
    }
  });
});

describe("S17 connections", () => {
  for (const [what, limits] of [
    ["of a server", { maxConnections: 20 }],
    ["from one address", { maxConnectionsPerAddress: 20 }],
  ] as const) {
    it(`S17 ${what} are bounded whatever they carry, and those that are cut off are counted no more`, async (t) => {
      assert.deepEqual([defaultLimits.maxConnections, defaultLimits.maxConnectionsPerAddress], [20_000, 20_000]);
      const { port } = await setSessions(t, {}, { limits });
      for (let round = 0; round < 5; round += 1) {
        const all = await eventually(() => openAll(port, 20));
        for (const request of requests()) {
          const client = await connectRaw(port);
          client.write(request);
          assert.equal((await client.readResponse()).status, 503);
          client.destroy();
        }
        for (const client of all) client.reset();
        await Promise.all(all.map(({ closed }) => closed));
      }
    });
  }

  it("S17 whose requests nobody has answered yet are bounded: 503", async (t) => {
    assert.equal(defaultLimits.maxPendingRequests, 10_000);
    const never = (): Promise<Response> => new Promise(() => undefined);
    const { port } = await setServer(t, never, { limits: { maxPendingRequests: 4 } });
    for (const request of requests()) (await connectRaw(port)).write(request);
    for (const request of requests()) {
      const client = await connectRaw(port);
      client.write(request);
      assert.equal((await client.readResponse()).status, 503);
    }
  });

  it("S17 of one user and of one address have so many sessions, whatever carries them", async (t) => {
    const { maxSessions, maxSessionsPerOwner, maxSessionsPerAddress } = defaultSessionLimits;
    assert.deepEqual([maxSessions, maxSessionsPerOwner, maxSessionsPerAddress], [50_000, 1000, 20_000]);
    for (const limits of [{ maxSessions: 3 }, { maxSessionsPerOwner: 3 }, { maxSessionsPerAddress: 3 }]) {
      const { port, sessions } = await setSessions(t, { authorize: () => "ada", limits });
      for (const transport of transports) assert.ok((await attachBy(transport, port)).attached);
      for (const transport of transports) assert.equal((await attachBy(transport, port)).code, 4006);
      assert.equal(sessions.size, 3);
    }
  });
});

describe("S18 a client that sends more than is handled", () => {
  it("S18 is read as fast as maxMessagesPerSecond says, over every transport that it sends by, and nothing of it is lost", async (t) => {
    assert.equal(defaultLimits.maxMessagesPerSecond, 20_000);
    const count = 600;
    const messages = Array.from({ length: count }, () => kibibyte);
    for (const transport of transports) {
      const { port, log } = await setSessions(t, {}, { limits: { maxMessagesPerSecond: 200 } });
      const { attached, socket } = await attachBy(transport, port);
      assert.ok(attached);
      const begunMs = performance.now();
      if (socket !== undefined) socket.send(...messages);
      else {
        const http = await SessionRequester.connect(port);
        for (let first = 1; first <= count;) {
          const send = { type: "send", attach: 1, first, received: 0 } as const;
          const { records } = await http.ask([send, ...messages.slice(first - 1)], {
            credentials: credentialsOf(attached),
          });
          const [ack] = records;
          assert.ok(isControl(ack) && ack.type === "ack");
          first = ack.received + 1;
        }
      }
      await log.waitFor("message", { count, timeoutMs: 10_000 });
      // As many as in a second may come at once, and as many as one read has are not held back.
      assert.ok(performance.now() - begunMs > 500, transport);
    }
  });

  for (const kind of ["a channel", "a session"] as const) {
    it(`S18 is not read any further while as many messages of ${kind} wait as may, and nobody else waits for it`, async (t) => {
      const { maxQueuedMessages, maxQueuedBytes, receiveStallTimeoutMs } = defaultLimits;
      assert.deepEqual([maxQueuedMessages, maxQueuedBytes, receiveStallTimeoutMs], [64, 2 ** 20, 30_000]);
      const gate = deferred();
      const sessions = createSessions();
      const received: unknown[] = [];
      const take = (channel: Pick<Channel, "onReceive" | "send">): void =>
        channel.onReceive(async (message) => {
          received.push(message);
          if (message === "slow") await gate.promise;
          channel.send(message);
        });
      const { port } = await setServer(t, (request) =>
        sessions.accepts(request) ? sessions.accept(request, take) : withChannel(request, take),
      );
      const open = async (): Promise<RawWebSocket> => {
        if (kind === "a channel") return openWebSocket(port);
        const { socket } = await attachBy("websocket", port);
        assert.ok(socket);
        return socket.socket;
      };
      const flooding = await open();
      flooding.sendText("slow");
      const burst = Buffer.concat(Array.from({ length: 500 }, () => frames.text(kibibyte)));
      // More than a system takes for a socket that is not read, which are some megabytes (tcp(7)).
      for (let count = 0; count < 24; count += 1) flooding.client.socket.write(burst);
      const other = await open();
      for (let count = 0; count < 20; count += 1) {
        other.sendText("quick");
        assert.equal(await other.nextMessage(), "quick");
      }
      // The rest of it waits on the client's side.
      assert.ok(flooding.client.socket.writableLength > 0);
      assert.equal(received.filter((message) => message === kibibyte).length, 0);
      gate.resolve();
      await once(flooding.client.socket, "drain");
    });
  }
});

describe("S19 a client that does not read", () => {
  for (const kind of ["websocket", "http-streaming"] as const) {
    it(`S19 ends its own channel over ${kind} when 1 MiB waits for it, and takes nothing from another`, async (t) => {
      const log = new Recorder();
      const channels: Channel[] = [];
      const { port } = await setServer(t, (request) =>
        withChannel(request, (channel) => {
          channels.push(channel);
          if (!channel.isWebSocket) channel.send("begin", { close: false });
          channel.onClose((status) => log.record("close", status));
        }),
      );
      const open = async (): Promise<RawClient> => {
        if (kind === "websocket") return (await openWebSocket(port)).client;
        const client = await connectRaw(port);
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await client.readHead();
        return client;
      };
      const slow = await open();
      const fast = await open();
      slow.pause();
      const [first, second] = channels;
      assert.ok(first && second);
      let most = 0;
      let sent = 0;
      while (first.isOpen && sent < 64 * 1024) {
        first.send(kibibyte, { close: false });
        most = Math.max(most, first.bufferedAmount);
        second.send(kibibyte, { close: false });
        sent += 1;
        if (sent % 64 === 0) await new Promise(setImmediate);
      }
      assert.equal((await log.waitFor("close")).args[0], "overflow");
      assert.ok(most <= defaultLimits.maxBufferedBytes + 2048, `${most} bytes`);
      assert.equal(second.isOpen, true);
      await fast.readUntil((unread) => unread.length >= sent * 1024, { timeoutMs: 10_000 });
    });
  }

  it("S19 and one that does not come for its messages lose what carries their session, then the session, over every transport", async (t) => {
    for (const transport of transports) {
      const { port, channels, log } = await setSessions(t);
      const { client } = await attachBy(transport, port);
      client.pause();
      const [channel] = channels;
      assert.ok(channel);
      let most = 0;
      for (let count = 0; count < 3000 && channel.isOpen; count += 1) {
        channel.send(kibibyte);
        most = Math.max(most, channel.bufferedAmount);
      }
      assert.equal((await log.waitFor("close")).args[0], "overflow", transport);
      assert.ok(most <= defaultSessionLimits.maxUnacknowledgedBytes + 2048, `${most} bytes`);
    }
  });
});

describe("S19 clients that read what comes, and acknowledge nothing", () => {
  for (const transport of transports) {
    it(`S19 have a bound together, by ${transport}: whoever has the most kept is cut off, and gets all of it when it resumes`, async (t) => {
      const { maxUnacknowledgedBytes, maxTotalUnacknowledgedBytes } = defaultSessionLimits;
      assert.deepEqual([maxUnacknowledgedBytes, maxTotalUnacknowledgedBytes], [2 ** 20, 2 ** 28]);
      const limits = { maxTotalUnacknowledgedBytes: 400_000 };
      const { port, channels } = await setSessions(t, { limits });
      const most = await attachBy(transport, port);
      for (let count = 0; count < 2; count += 1) await attachBy(transport, port);
      assert.ok(most.attached);
      const [channel, ...rest] = channels;
      assert.ok(channel);
      const messages = ["1", "2", "3"].map((each) => each.repeat(60_000));
      for (const message of messages) channel.send(message);
      for (const each of rest) each.send("x".repeat(100_000));
      assert.ok(channel.isPresent);
      for (const each of rest) each.send("x".repeat(20_000));
      assert.equal(channel.isPresent, false);
      assert.ok(channel.isOpen && rest.every(({ isOpen, isPresent }) => isOpen && isPresent));
      if (transport === "websocket") assert.equal(await closeCodeOf(most), 4003);
      else if (transport === "stream") await most.client.waitForEnd();
      else {
        const poll = { type: "poll", attach: 1, poll: 1, received: 0 } as const;
        const { status } = await new SessionRequester(most.client).ask([poll], {
          credentials: credentialsOf(most.attached),
        });
        assert.equal(status, 409);
      }
      channel.send("last");
      const { socket, attached } = await attachBy("websocket", port, {
        record: { attach: 2, received: 0, ...credentialsOf(most.attached) },
      });
      assert.deepEqual([attached?.resumed, attached?.first], [true, 1]);
      for (const message of [...messages, "last"]) assert.equal(await socket?.next(), message);
      assert.ok(rest.every(({ isPresent }) => isPresent));
    });
  }
});

async function closeCodeOf({ socket }: Awaited<ReturnType<typeof attachBy>>): Promise<number> {
  for (;;) {
    const frame = await socket?.socket.nextFrame();
    if (frame === undefined) assert.fail("no WebSocket");
    if (frame.opcode === frames.opcodes.close) return frame.payload.readUInt16BE(0);
  }
}

describe("S20 what is kept for sessions", () => {
  it("S20 is bounded for a client that is away, in bytes and in messages, and for all of them together", async (t) => {
    const { maxReplayBytes, maxReplayMessages, maxTotalReplayBytes } = defaultSessionLimits;
    assert.deepEqual([maxReplayBytes, maxReplayMessages, maxTotalReplayBytes], [2 ** 18, 1024, 2 ** 26]);
    for (const [message, most] of [
      [kibibyte, maxReplayBytes / 1024],
      ["", maxReplayMessages],
    ] as const) {
      for (const transport of ["websocket", "stream"] as const) {
        const { port, channels, log } = await setSessions(t);
        const { client } = await attachBy(transport, port);
        const [channel] = channels;
        assert.ok(channel);
        const away = new Promise<void>((resolve) => channel.onPresence((isPresent) => void (isPresent || resolve())));
        client.reset();
        await away;
        let taken = 0;
        while (channel.send(message)) taken += 1;
        assert.ok(taken <= most, `${taken} messages`);
        assert.equal((await log.waitFor("close")).args[0], "overflow");
      }
    }
    const { port, channels, sessions } = await setSessions(t, { limits: { maxTotalReplayBytes: 100_000 } });
    for (let count = 0; count < 30; count += 1) {
      const { client } = await attachBy("stream", port);
      channels.at(-1)?.send(kibibyte.repeat(10));
      client.reset();
      await client.closed;
    }
    await eventually(() => assert.ok(sessions.size < 10));
  });

  it("S20 is let go of for nobody who acknowledges what was never sent: that ends the session over every transport", async (t) => {
    for (const transport of transports) {
      const { port, log, channels } = await setSessions(t);
      const { attached, socket } = await attachBy(transport, port);
      assert.ok(attached);
      channels[0]?.send("one");
      if (socket !== undefined) socket.control({ type: "ack", received: 2 });
      else {
        const http = await SessionRequester.connect(port);
        const send = { type: "send", attach: 1, first: 1, received: 2 } as const;
        await http.ask([send], { credentials: credentialsOf(attached) });
      }
      assert.notEqual((await log.waitFor("close")).args[0], "normal");
    }
  });

  it("S20 is not there for sessions that come and go: as many are kept as may be, and the oldest ends first", async (t) => {
    const { port, sessions, log } = await setSessions(t, { limits: { maxSessions: 50 } });
    const socket = await SessionWebSocket.open(port);
    for (let attach = 1; attach <= 1000; attach += 1) {
      await socket.attach(attachRecord(attach));
      assert.ok(sessions.size <= 50);
    }
    await log.waitFor("close", { count: 950 });
  });
});

describe("S21 a client that resumes again and again", () => {
  it("S21 with the oldest of its counts gets what is kept for it and no more, and is carried by the latest alone", async (t) => {
    const { port, channels, sessions } = await setSessions(t);
    const first = await attachBy("poll", port);
    assert.ok(first.attached);
    const [channel] = channels;
    assert.ok(channel);
    let sent = 0;
    while (channel.bufferedAmount < 200_000) sent += channel.send(kibibyte) ? 1 : 0;
    let credentials = credentialsOf(first.attached);
    let last: RawClient = first.client;
    for (let attach = 2; attach <= 100; attach += 1) {
      const transport = transports[attach % transports.length] ?? "poll";
      const { attached, client } = await attachBy(transport, port, { record: { attach, received: 0, ...credentials } });
      assert.deepEqual([attached?.resumed, attached?.first], [true, 1]);
      credentials = credentialsOf(attached as AttachedRecord);
      last.destroy();
      last = client;
      assert.ok(channel.bufferedAmount <= defaultSessionLimits.maxReplayBytes);
    }
    assert.ok(sent <= 200);
    // A copy of an earlier one carries nothing, though its secret is good.
    assert.equal((await attachBy("poll", port, { record: { attach: 50, received: 0, ...credentials } })).code, 4001);
    assert.deepEqual([sessions.size, channels.length, channel.isOpen], [1, 1, true]);
    const begunMs = cpuTimeMs();
    assert.ok((await attachBy("poll", port)).attached);
    assert.ok(cpuTimeMs() - begunMs < 500);
  });
});
