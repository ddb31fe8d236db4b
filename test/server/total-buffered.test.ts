import assert from "node:assert/strict";
import { Socket } from "node:net";
import { setImmediate as nextCheck } from "node:timers/promises";
import { afterEach, describe, it, type TestContext } from "node:test";
import {
  type Channel,
  createSessions,
  type Limits,
  MemoryChannelStore,
  type SessionChannel,
  withChannel,
} from "../../src/index.ts";
import { defaultLimits } from "../../src/channel/limits.ts";
import { OutputBudget } from "../../src/channel/output-budget.ts";
import { attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "../session-server/session-client.ts";
import { eventually } from "../support/expect.ts";
import { collectGarbage } from "../support/resources.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const mebibyte = 2 ** 20;
const filler = "x".repeat(64 * 1024);

/** A body with one piece, and no end. */
async function* endless(piece: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(piece);
  await new Promise(() => undefined);
}

/** A server with little room for all of its clients, and much for each. */
class Stage {
  readonly log = new Recorder();
  readonly channels = new Map<string, Channel>();
  port = 0;

  static async set(t: TestContext, limits: Partial<Limits> = {}): Promise<Stage> {
    const stage = new Stage();
    const handler = (request: Request): Response | Promise<Response> => {
      if (request.url.endsWith("/response")) return stage.#respond();
      return withChannel(request, (channel) => stage.#take(request, channel));
    };
    const { port } = await setServer(t, handler, {
      limits: { maxTotalBufferedBytes: 2 * mebibyte, maxBufferedBytes: 64 * mebibyte, ...limits },
    });
    stage.port = port;
    return stage;
  }

  #take(request: Request, channel: Channel): void {
    const name = new URL(request.url).pathname.slice(1);
    if (name.startsWith("stream")) channel.send("begin", { close: false });
    channel.onClose((status, { code }) => this.log.record(`close ${name}`, status, code));
    this.channels.set(name, channel);
    this.log.record(`open ${name}`);
  }

  #respond(): Response {
    this.log.record("open response");
    const piece = Buffer.from("z".repeat(16 * mebibyte));
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(piece),
        cancel: () => this.log.record("close response"),
      }),
    );
  }

  async webSocket(name: string): Promise<RawWebSocket> {
    const socket = await openWebSocket(this.port, `/${name}`);
    socket.client.pause();
    return socket;
  }

  async request(name: string): Promise<RawClient> {
    const client = await connectRaw(this.port);
    client.write(`GET /${name} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await this.log.waitFor(`open ${name}`);
    client.pause();
    return client;
  }

  channel(name: string): Channel {
    return this.channels.get(name) ?? assert.fail(name);
  }

  /** Sends until so much waits for a client that does not read. */
  async fill(name: string, bytes: number): Promise<void> {
    const channel = this.channel(name);
    while (channel.isOpen && channel.bufferedAmount < bytes) {
      channel.send(filler, { close: false });
      await nextCheck();
    }
  }

  /** What has been sent by then has been counted. */
  async counted(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await nextCheck();
  }

  openNames(): string[] {
    return [...this.channels].filter(([, { isOpen }]) => isOpen).map(([name]) => name);
  }
}

describe("what waits for all clients of a server together", () => {
  it("is bounded: the WebSocket for which the most waits closes as overflow, its connection is cut, and no other [C127, P42]", async (t) => {
    const stage = await Stage.set(t);
    const most = await stage.webSocket("most");
    await stage.webSocket("some");
    await stage.request("stream");
    await stage.fill("most", mebibyte);
    await stage.fill("some", mebibyte / 4);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["most", "some", "stream"]);
    await stage.fill("stream", mebibyte * 0.9);
    assert.deepEqual((await stage.log.waitFor("close most")).args, ["overflow", 1013]);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["some", "stream"]);
    most.client.resume();
    await most.waitForEnd();
  });

  it("cuts a stream, if it is the one for which the most waits [C127, P42]", async (t) => {
    const stage = await Stage.set(t);
    const stream = await stage.request("stream");
    await stage.webSocket("other");
    await stage.fill("other", mebibyte / 2);
    await stage.fill("stream", 1.6 * mebibyte);
    assert.deepEqual((await stage.log.waitFor("close stream")).args, ["overflow", 1013]);
    stream.resume();
    await stream.waitForEnd();
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["other"]);
  });

  it("closes as many as it takes, and frees at once what their sockets hold [P42]", async (t) => {
    const stage = await Stage.set(t);
    const names = Array.from({ length: 6 }, (_, index) => `client-${index}`);
    for (const name of names) await stage.webSocket(name);
    // All in one turn, each in one piece, which its socket holds.
    for (const [index, name] of names.entries()) stage.channel(name).send("x".repeat((12 + index) * mebibyte));
    for (const name of names) {
      assert.deepEqual((await stage.log.waitFor(`close ${name}`)).args, ["overflow", 1013]);
      await eventually(() => assert.equal(stage.channel(name).bufferedAmount, 0));
    }
  });

  it("counts what stands in line behind a stream body [C127, P42]", async (t) => {
    const stage = await Stage.set(t);
    const socket = await stage.webSocket("most");
    socket.client.resume();
    await stage.webSocket("some");
    await stage.request("stream");
    for (const name of ["most", "some", "stream"]) stage.channel(name).send(endless(""), { close: false });
    await stage.fill("most", mebibyte);
    await stage.fill("some", mebibyte / 2);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["most", "some", "stream"]);
    await stage.fill("stream", mebibyte * 0.6);
    assert.deepEqual((await stage.log.waitFor("close most")).args, ["overflow", 1013]);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["some", "stream"]);
    await socket.expectClose(1013);
  });

  it("counts of a channel both, what waits for its socket and what stands behind its stream [P42]", async (t) => {
    const stage = await Stage.set(t);
    const both = await stage.webSocket("both");
    await stage.webSocket("other");
    await stage.fill("both", mebibyte * 0.3);
    stage.channel("both").send(endless(""));
    await stage.fill("both", mebibyte * 1.05);
    await stage.fill("other", mebibyte);
    assert.deepEqual((await stage.log.waitFor("close both")).args, ["overflow", 1013]);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["other"]);
    both.client.resume();
    await both.waitForEnd();
  });

  it("keeps nothing of a channel that has ended while sends stood behind its stream", async (t) => {
    const refs: WeakRef<Channel>[] = [];
    const closed: string[] = [];
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        channel.send(endless(""));
        channel.send("behind it");
        channel.onClose((status) => closed.push(status));
        refs.push(new WeakRef(channel));
      }),
    );
    for (let count = 0; count < 10; count += 1) (await openWebSocket(port)).client.reset();
    await eventually(() => assert.equal(closed.length, 10));
    await eventually(async () => {
      await collectGarbage();
      assert.ok(refs.filter((ref) => ref.deref() !== undefined).length <= 2);
    });
  });

  it("counts sends behind a stream that have no bytes, and none that have gone out [P42]", async (t) => {
    const stage = await Stage.set(t, { maxTotalBufferedBytes: 100_000 });
    const socket = await stage.webSocket("socket");
    socket.client.resume();
    const channel = stage.channel("socket");
    for (let round = 0; round < 5; round += 1) {
      let finish = (): void => undefined;
      const source = (async function* (): AsyncGenerator<string> {
        yield "begin";
        await new Promise<void>((resolve) => (finish = resolve));
      })();
      channel.send(source);
      for (let count = 0; count < 200; count += 1) channel.send("");
      await stage.counted();
      finish();
      assert.equal(String(await socket.nextMessage()), "begin");
      for (let count = 0; count < 200; count += 1) assert.equal(await socket.nextMessage(), "");
    }
    channel.send(endless(""));
    for (let count = 0; count < 400; count += 1) channel.send("");
    assert.deepEqual((await stage.log.waitFor("close socket")).args, ["overflow", 1013]);
  });

  it("counts anew what stands behind a stream before it ends anybody for that [P42]", async (t) => {
    const stage = await Stage.set(t, { maxTotalBufferedBytes: 100_000 });
    const socket = await stage.webSocket("socket");
    await stage.webSocket("other");
    socket.client.resume();
    const channel = stage.channel("socket");
    channel.send(
      (async function* (): AsyncGenerator<string> {
        yield "first";
        await nextCheck();
      })(),
    );
    for (let count = 0; count < 200; count += 1) channel.send("");
    channel.send(endless(""));
    assert.equal(String(await socket.nextMessage()), "first");
    for (let count = 0; count < 200; count += 1) assert.equal(await socket.nextMessage(), "");
    stage.channel("other").send(endless(""));
    for (let count = 0; count < 300; count += 1) stage.channel("other").send("");
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["socket", "other"]);
  });

  it("counts the last body of a channel while it streams [P42]", async (t) => {
    const stage = await Stage.set(t);
    const stream = await stage.request("stream");
    stage.channel("stream").send(endless("z".repeat(16 * mebibyte)), { close: true });
    assert.equal(stage.channel("stream").isOpen, false);
    assert.deepEqual((await stage.log.waitFor("close stream")).args, ["overflow", 1013]);
    stream.resume();
    await stream.waitForEnd({ timeoutMs: 5000 });
  });

  it("counts a response that streams, and cuts its connection [P42]", async (t) => {
    const stage = await Stage.set(t);
    await stage.webSocket("other");
    const client = await stage.request("response");
    await stage.log.waitFor("close response");
    client.resume();
    await client.waitForEnd({ timeoutMs: 5000 });
    assert.deepEqual(stage.openNames(), ["other"]);
  });

  it("does not count an answer that is complete, nor cut it [P42]", async (t) => {
    const stage = await Stage.set(t);
    const poll = await stage.request("poll");
    await stage.webSocket("other");
    const answer = "y".repeat(16 * mebibyte);
    stage.channel("poll").send(answer);
    await stage.fill("other", mebibyte);
    await stage.counted();
    assert.deepEqual(stage.openNames(), ["other"]);
    poll.resume();
    assert.equal((await poll.readResponse({ timeoutMs: 5000 })).text, answer);
  });

  it("is as much as before when clients have left without a word, however often [P42]", async (t) => {
    const stage = await Stage.set(t);
    for (let round = 0; round < 5; round += 1) {
      const names = [`a-${round}`, `b-${round}`];
      const clients = [];
      for (const name of names) clients.push((await stage.webSocket(name)).client);
      for (const name of names) await stage.fill(name, 0.8 * mebibyte);
      await stage.counted();
      for (const client of clients) client.reset();
      for (const name of names) {
        assert.deepEqual((await stage.log.waitFor(`close ${name}`)).args, ["abnormal", 1006]);
      }
    }
  });

  it("counts nothing of a socket that is closed", async () => {
    let asked = 0;
    const limits = { ...defaultLimits, maxTotalBufferedBytes: 100 };
    const budget = new OutputBudget(limits, () => {
      asked += 1;
      return undefined;
    });
    const held = { bufferedAmount: 80 };
    const [one, other] = [new Socket(), new Socket()];
    budget.note(one, held);
    budget.note(one, held);
    budget.forget(one);
    budget.forget(one);
    budget.note(other, held);
    await nextCheck();
    assert.equal(asked, 0, "no reason to count");
    budget.note(one, held);
    await nextCheck();
    assert.equal(asked, 2);
  });

  it("cuts what carries the session for which the most waits; the session is resumed [P42]", async (t) => {
    const { port, channels } = await setTwoSessions(t);
    const sockets = [await SessionWebSocket.open(port), await SessionWebSocket.open(port)];
    const credentials = [];
    for (const socket of sockets) {
      credentials.push(credentialsOf(await socket.attach(attachRecord(1))));
      socket.socket.client.pause();
    }
    // A transport takes no more from its session than the soft limit: both together have more than may wait for all.
    for (let count = 0; channels.every(({ isPresent }) => isPresent); count += 1) {
      assert.ok(count < 1000, "one has to be ended");
      for (const channel of channels) for (let index = 0; index < 4; index += 1) channel.send("x".repeat(8000));
      await nextCheck();
    }
    assert.ok(channels.every(({ isOpen }) => isOpen));
    assert.equal(channels.filter(({ isPresent }) => isPresent).length, 1);
    const index = channels.findIndex(({ isPresent }) => !isPresent);
    const ended = sockets[index] ?? assert.fail();
    ended.socket.client.resume();
    let received = 0;
    await ended.socket.waitForEnd();
    for (; ended.socket.client.unread.length > 8004; received += 1) await ended.next();
    const again = await SessionWebSocket.open(port);
    const { resumed, first } = await again.attach(attachRecord(2, { ...credentials[index], received }));
    assert.deepEqual([resumed, first], [true, received + 1]);
  });

  it("ends a session with the most behind a stream body [P42]", async (t) => {
    const { port, channels } = await setTwoSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    const [channel] = channels;
    assert.ok(channel);
    const closed = new Promise((resolve) => channel.onClose(resolve));
    channel.send(endless(""));
    for (let count = 0; count < 2; count += 1) channel.send(filler);
    assert.equal(await closed, "overflow");
    await socket.socket.expectClose(4004, { reason: "overflow" });
  });

  it("cuts WebSocket and stream of a session alike [P42]", async (t) => {
    const { port, channels } = await setTwoSessions(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    for (const client of [socket.socket.client, stream.client]) client.pause();
    for (const channel of channels) channel.send("x".repeat(20 * mebibyte));
    await eventually(() => assert.ok(channels.every(({ isPresent }) => !isPresent)));
    assert.ok(channels.every(({ isOpen }) => isOpen));
    for (const client of [socket.socket.client, stream.client]) {
      client.resume();
      await client.waitForEnd({ timeoutMs: 5000 });
    }
  });

  it("counts a broadcast once, for all in whose lines behind streams it stands [C127, P42]", async (t) => {
    const stage = await Stage.set(t);
    const store = new MemoryChannelStore();
    for (let index = 0; index < 30; index += 1) {
      await stage.request(`stream-${index}`);
      const channel = stage.channel(`stream-${index}`);
      channel.send(endless("begun"), { close: false });
      store.add("all", channel);
    }
    // For each in full these are 6 MB.
    store.broadcast("all", "x".repeat(200_000), { close: false });
    await stage.counted();
    assert.equal(stage.openNames().length, 30);
    // Each its own, they are.
    store.broadcast("all", () => "x".repeat(200_000), { close: false });
    await stage.log.waitFor("close stream-0");
    await stage.counted();
    assert.equal(stage.openNames().length, 10);
  });
});

/** Sessions that may have much, on a server where all that waits in sockets together is little. */
async function setTwoSessions(t: TestContext): Promise<{ port: number; channels: SessionChannel[] }> {
  const channels: SessionChannel[] = [];
  const sessions = createSessions({
    limits: { maxUnacknowledgedBytes: 64 * mebibyte, maxReplayBytes: 64 * mebibyte, maxReplayMessages: 10_000 },
  });
  const use = (channel: SessionChannel): unknown => channels.push(channel);
  const limits = { maxTotalBufferedBytes: 100 * 1024 };
  const { port } = await setServer(t, (request) => sessions.accept(request, use), { limits });
  return { port, channels };
}
