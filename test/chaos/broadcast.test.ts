import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { WebSocket as SocketOfWs } from "ws";
import { type ClientChannel, connect } from "../../src/client.ts";
import { type Channel, type ChannelKind, createSessions, MemoryChannelStore, withChannel } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import { setServer } from "../server/set-server.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { seedFromEnvironment } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();

const seed = seedFromEnvironment();
const patienceMs = 20_000;
const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** A group with plain channels and sessions in it. */
type Room = { readonly store: MemoryChannelStore; readonly port: number; readonly log: Recorder };

async function setRoom(t: TestContext): Promise<Room> {
  const store = new MemoryChannelStore();
  const log = new Recorder();
  const join = (channel: Channel): void => {
    store.add("lobby", channel);
    log.record("join");
  };
  const sessions = createSessions({
    limits: { maxReplayBytes: 8 * 1024 * 1024, maxReplayMessages: 10_000, ackDelayMs: 20, pollHoldMs: 200 },
  });
  const { port } = await setServer(t, (request) => {
    if (sessions.accepts(request)) return sessions.accept(request, join);
    return withChannel(request, (channel) => {
      if (!channel.isWebSocket) channel.send({ headers: { "X-Kind": "stream" } }, { close: false });
      join(channel);
    });
  });
  return { store, port, log };
}

async function plainWebSocket(t: TestContext, { port }: Room): Promise<RawWebSocket> {
  const socket = await openWebSocket(port, "/plain");
  t.after(() => socket.client.destroy());
  return socket;
}

async function plainStream(t: TestContext, { port }: Room): Promise<RawClient> {
  const client = await connectRaw(port);
  t.after(() => client.destroy());
  client.write("GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await client.readHead();
  return client;
}

type Member = { readonly client: ClientChannel; readonly log: Recorder };

function dial(t: TestContext, url: string, kind: ChannelKind): Member {
  const log = new Recorder();
  const hasOwn = "WebSocket" in globalThis;
  const client = connect(url, {
    transports: [kind],
    reconnectDelayMs: 20,
    maxReconnectDelayMs: 80,
    resumeWindowMs: 1000,
    ...(!hasOwn && { WebSocket: SocketOfWs }),
  });
  client.onReceive(log.as("receive"));
  client.onStatus(({ state }) => log.record(state));
  t.after(() => client.close());
  return { client, log };
}

/** A value that counts how often it is turned into JSON. */
class Counted {
  readonly #value: string;
  calls = 0;

  constructor(value: string) {
    this.#value = value;
  }

  toJSON(): string {
    this.calls += 1;
    return this.#value;
  }
}

/** Broadcasts while connections break again and again, until each session has come back twice. */
async function broadcastThrough(room: Room, proxy: FaultProxy, members: readonly Member[]): Promise<Counted[]> {
  const sent: Counted[] = [];
  const timer = setInterval(() => {
    const value = new Counted(`message ${sent.length}`);
    sent.push(value);
    room.store.broadcast("lobby", value);
  }, 4);
  try {
    proxy.set([
      { type: "cut", afterBytes: { min: 1, max: 6000 } },
      { type: "drop-response", on: "answer", probability: 0.2 },
    ]);
    for (const { log } of members)
      await log.waitFor("receive", { count: log.of("receive").length + 20, timeoutMs: patienceMs });
    for (let round = 0; round < 2; round += 1) {
      const before = members.map(({ log }) => log.of("receive").length);
      proxy.cut();
      for (const [index, { log }] of members.entries()) {
        await log.waitFor("receive", { count: (before[index] ?? 0) + 50, timeoutMs: patienceMs });
      }
    }
    proxy.clear();
  } finally {
    clearInterval(timer);
  }
  return sent;
}

describe("a broadcast to sessions beside plain channels", () => {
  it("reaches each of them once and in order while the network of the sessions fails, and is turned into JSON once", async (t) => {
    const room = await setRoom(t);
    t.diagnostic(`CHANNELKIT_SEED=${seed}`);
    const proxy = await createFaultProxy({ target: { port: room.port }, seed });
    t.after(() => proxy.close());
    const members = [...kinds, ...kinds].map((kind) => dial(t, proxy.url, kind));
    const sockets = await Promise.all([plainWebSocket(t, room), plainWebSocket(t, room)]);
    const stream = await plainStream(t, room);
    await room.log.waitFor("join", { count: members.length + 3 });
    const sent = await broadcastThrough(room, proxy, members);
    const expected = sent.map((_, index) => JSON.stringify(`message ${index}`));
    const last = expected.at(-1) ?? "";
    for (const socket of sockets) for (const message of expected) assert.equal(await socket.nextMessage(), message);
    const streamed: string[] = [];
    while (!streamed.join("").endsWith(last)) streamed.push((await stream.readChunk()).toString());
    assert.equal(streamed.join(""), expected.join(""));
    for (const { log, client } of members) {
      await log.waitFor("receive", { count: expected.length, timeoutMs: patienceMs });
      assert.deepEqual(
        log.of("receive").map(({ args }) => args[0]),
        expected,
        `${client.kind}, seed ${seed}`,
      );
    }
    assert.deepEqual(new Set(sent.map(({ calls }) => calls)), new Set([1]));
  });

  it("is written to WebSockets of sessions as the very bytes that plain ones get, and to streams of sessions as bytes that these share", async (t) => {
    const room = await setRoom(t);
    const members = ["websocket", "websocket", "http-streaming", "http-streaming"] as const;
    const sessions = members.map((kind) => dial(t, `http://127.0.0.1:${room.port}`, kind));
    const sockets = await Promise.all([plainWebSocket(t, room), plainWebSocket(t, room)]);
    await room.log.waitFor("join", { count: members.length + sockets.length });
    for (const { log } of sessions) await log.waitFor("open");
    const { mock } = t.mock.method(Socket.prototype, "write");
    room.store.broadcast("lobby", "the shared value");
    for (const socket of sockets) assert.equal(await socket.nextMessage(), "the shared value");
    for (const { log } of sessions) await log.waitFor("receive");
    const carriers = mock.calls
      .map(({ arguments: [bytes] }) => bytes as unknown)
      .filter((bytes): bytes is Buffer => Buffer.isBuffer(bytes) && bytes.includes("the shared value"));
    assert.equal(carriers.length, members.length + sockets.length);
    assert.equal(new Set(carriers).size, 2, "a frame for all WebSockets, a chunk for all streams of sessions");
  });
});
