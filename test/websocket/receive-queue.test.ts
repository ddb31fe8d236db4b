import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Channel, type Limits, type Message, type Server, serve, withChannel } from "../../src/index.ts";
import { deferred, type Deferred, eventually } from "../support/expect.ts";
import { binary, close, opcodes, ping, text } from "../support/frames.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

/** More than the buffers of both kernels' ends take, so that what the server does not read waits in the client. */
const floodFrames = 256;
const floodFrameBytes = 128 * 1024;

describe("a slow receive handler", () => {
  let server: Server;
  const log = new Recorder();
  let gate: Deferred<void>;
  let channel: Channel;
  afterEach(async () => {
    gate.resolve();
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
  });

  /** A handler that is done with a message when the gate opens. */
  async function start(
    limits: Partial<Limits>,
    handler = async (_message: Message): Promise<void> => gate.promise,
  ): Promise<void> {
    gate = deferred();
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          channel = taken;
          channel.onReceive(async (message) => {
            log.record("receive", message);
            await handler(message);
            log.record("done", message);
          });
          channel.onClose((status, { code }) => log.record("close", status, code));
        }),
      { port: 0, limits },
    );
  }

  function flood({ client }: RawWebSocket): void {
    const frame = binary(Buffer.alloc(floodFrameBytes));
    for (let index = 0; index < floodFrames; index++) client.write(frame);
  }

  async function expectPaused({ client }: RawWebSocket): Promise<void> {
    await client.expectNothing(300);
    const waitingBytes = client.socket.writableLength;
    assert.ok(waitingBytes > (floodFrames * floodFrameBytes) / 2, `only ${waitingBytes} bytes wait in the client`);
  }

  it("handles messages one at a time, in order, each awaited [C86]", async () => {
    let running = 0;
    await start({}, async () => {
      running += 1;
      assert.equal(running, 1);
      await delay(2);
      running -= 1;
    });
    const socket = await openWebSocket(server.port);
    socket.send(...Array.from({ length: 20 }, (_, index) => text(`${index}`)));
    await log.waitFor("done", { count: 20 });
    const expected = Array.from({ length: 20 }, (_, index) => [`receive ${index}`, `done ${index}`]).flat();
    assert.deepEqual(
      log.entries.map(({ event, args }) => `${event} ${String(args[0])}`),
      expected,
    );
  });

  it("does not delay the answer to a ping behind its message [C112]", async () => {
    await start({});
    const socket = await openWebSocket(server.port);
    const startMs = ownTimeMs();
    socket.send(text("slow"), text("waiting"), ping("x"));
    assert.equal((await socket.nextFrame()).opcode, opcodes.pong);
    assert.ok(ownTimeMs() - startMs < 500);
    assert.equal(log.of("done").length, 0);
  });

  it("makes reading pause at maxQueuedMessages, and all arrives once it goes on [C90]", async () => {
    await start({ maxQueuedMessages: 8, maxQueuedBytes: 2 ** 30 });
    const socket = await openWebSocket(server.port);
    flood(socket);
    await expectPaused(socket);
    assert.equal(log.of("receive").length, 1);
    gate.resolve();
    await log.waitFor("done", { count: floodFrames, timeoutMs: 10_000 });
    socket.send(text("and on"));
    await log.waitFor("done", { count: floodFrames + 1 });
  });

  it("makes reading pause at maxQueuedBytes, and all arrives once it goes on [C90]", async () => {
    await start({ maxQueuedBytes: 300_000, maxQueuedMessages: 1e6 });
    const socket = await openWebSocket(server.port);
    flood(socket);
    await expectPaused(socket);
    gate.resolve();
    await log.waitFor("done", { count: floodFrames, timeoutMs: 10_000 });
  });

  it("makes reading pause also when the queue is full with what came with the handshake [C10, C90]", async () => {
    await start({ maxQueuedMessages: 8, maxQueuedBytes: 2 ** 30 });
    const early = Array.from({ length: 20 }, (_, index) => text(`${index}`));
    const socket = await openWebSocket(server.port, "/", { firstFrames: early });
    flood(socket);
    await expectPaused(socket);
    gate.resolve();
    await log.waitFor("done", { count: 20 + floodFrames, timeoutMs: 10_000 });
  });

  it("is no reason to take a client for dead while reading is paused [C90]", async () => {
    await start({ maxQueuedMessages: 2, pingIntervalMs: 50, pongTimeoutMs: 50 });
    const socket = await openWebSocket(server.port);
    socket.send(...Array.from({ length: 4 }, (_, index) => text(`${index}`)));
    await log.waitFor("receive");
    await socket.expectNothing(400);
    gate.resolve();
    await log.waitFor("done", { count: 4 });
    assert.equal((await socket.nextFrame()).opcode, opcodes.ping, "and is pinged again from then on");
    assert.deepEqual(log.of("close"), []);
  });

  it("closes with 1013 and overflow when it finishes nothing in receiveStallTimeoutMs, and gets no more [C91]", async () => {
    await start({ maxQueuedMessages: 2, receiveStallTimeoutMs: 100, closeGraceMs: 150 });
    const socket = await openWebSocket(server.port);
    const startMs = performance.now();
    socket.send(...Array.from({ length: 5 }, (_, index) => text(`${index}`)));
    await socket.expectClose(1013);
    assert.ok(performance.now() - startMs > 90);
    assert.equal(channel.isOpen, false);
    assert.equal(channel.send("late"), false);
    const { args } = await log.waitFor("close");
    assert.deepEqual(args, ["overflow", 1013]);
    gate.resolve();
    socket.sendClose(1013);
    await socket.client.expectEnd();
    assert.equal(log.of("receive").length, 1);
  });

  it("that gets on is not stalled, however long the queue stays full [C91]", async () => {
    await start({ maxQueuedMessages: 2, receiveStallTimeoutMs: 1000 }, () => delay(125));
    const socket = await openWebSocket(server.port);
    socket.send(...Array.from({ length: 12 }, (_, index) => text(`${index}`)));
    await log.waitFor("done", { count: 12, timeoutMs: 5000 });
    socket.sendClose(1000);
    await socket.expectCloseAndEnd(1000);
    assert.deepEqual((await log.waitFor("close")).args, ["normal", 1000]);
  });

  it("does not keep the answer to our Close from being read [C122]", async () => {
    await start({ maxQueuedMessages: 2, closeTimeoutMs: 5000, closeGraceMs: 50 });
    const socket = await openWebSocket(server.port);
    socket.send(...Array.from({ length: 5 }, (_, index) => text(`${index}`)));
    await log.waitFor("receive");
    await socket.expectNothing(50);
    channel.close(4000, "enough");
    await socket.expectClose(4000);
    socket.sendClose(4000);
    await socket.client.expectEnd({ timeoutMs: 1000 });
    assert.deepEqual((await log.waitFor("close")).args, ["server-close", 4000]);
    assert.equal(log.of("receive").length, 1);
  });

  it("gets what came before the Close of the client, and the close handler waits for it [C12, C87]", async () => {
    await start({});
    const socket = await openWebSocket(server.port);
    socket.send(text("0"), text("1"), text("2"), close(1000));
    await socket.expectCloseAndEnd(1000);
    assert.deepEqual(log.names(), ["receive"]);
    gate.resolve();
    await log.waitFor("close");
    assert.deepEqual(log.names(), ["receive", "done", "receive", "done", "receive", "done", "close"]);
  });

  it("does not hide for longer than the stall that the client is gone [C91]", async () => {
    await start({ maxQueuedMessages: 2, receiveStallTimeoutMs: 100, closeTimeoutMs: 100, closeGraceMs: 50 });
    const socket = await openWebSocket(server.port);
    flood(socket);
    await log.waitFor("receive");
    socket.client.reset();
    await eventually(() => assert.equal(log.of("close").length, 1));
    assert.equal(channel.isOpen, false);
  });
});
