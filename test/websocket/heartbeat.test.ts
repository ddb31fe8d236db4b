import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Channel, type Limits, type Server, serve, withChannel } from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import { opcodes } from "../support/frames.ts";
import { Stopwatch } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";

describe("the heartbeat of a WebSocket", () => {
  let server: Server;
  const log = new Recorder();
  let channel: Channel;
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
  });

  async function start(limits: Partial<Limits>, use: (channel: Channel) => void = () => undefined): Promise<void> {
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          channel = taken;
          channel.onReceive(log.as("receive"));
          channel.onClose((status, detail) => log.record("close", status, detail));
          use(channel);
        }),
      { port: 0, limits },
    );
  }

  it("pings a silent client, with an empty payload, and not before four fifths of pingIntervalMs [C42, C72]", async () => {
    await start({ pingIntervalMs: 200, pongTimeoutMs: 1000 });
    const watch = new Stopwatch();
    const socket = await openWebSocket(server.port);
    const frame = await socket.nextFrame();
    assert.equal(frame.bytes.toString("hex"), "8900");
    assert.ok(watch.tookMs > 150 && watch.ownTookMs < 1500, `${watch.tookMs} ms`);
  });

  it("finds a client that is frozen within pingIntervalMs and pongTimeoutMs: abnormal, and the connection is cut [C72]", async () => {
    await start({ pingIntervalMs: 100, pongTimeoutMs: 100 });
    const watch = new Stopwatch();
    const socket = await openWebSocket(server.port);
    const { args } = await log.waitFor("close");
    assert.ok(watch.tookMs > 170 && watch.ownTookMs < 1500, `${watch.tookMs} ms`);
    assert.deepEqual(args, ["abnormal", { code: 1006, reason: "", wasClean: false }]);
    assert.equal(channel.isOpen, false);
    assert.equal(channel.send("late"), false);
    assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
    await socket.client.expectEnd();
  });

  it("finds a frozen client also behind output that it does not read [C72, C124]", async () => {
    await start({ pingIntervalMs: 100, pongTimeoutMs: 100, maxBufferedBytes: 64 * 1024 * 1024 });
    const socket = await openWebSocket(server.port);
    socket.client.pause();
    for (let index = 0; index < 32; index++) channel.send(Buffer.alloc(1024 * 1024));
    assert.ok(channel.bufferedAmount > 0);
    await log.waitFor("close");
    assert.equal(log.of("close")[0]?.args[0], "abnormal");
    await channel.flushed();
    await channel.drained();
  });

  it("leaves a client alone that answers, however long it is silent [C42, C72]", async () => {
    await start({ pingIntervalMs: 50, pongTimeoutMs: 100 });
    const socket = await openWebSocket(server.port);
    for (let times = 0; times < 6; times++) {
      assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
      socket.sendPong();
    }
    assert.equal(channel.isOpen, true);
  });

  it("leaves a client alone that answers when pongTimeoutMs is above pingIntervalMs [C42, C72]", async () => {
    await start({ pingIntervalMs: 50, pongTimeoutMs: 200 });
    const socket = await openWebSocket(server.port);
    for (let times = 0; times < 8; times++) {
      assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
      socket.sendPong();
    }
    assert.equal(channel.isOpen, true);
  });

  it("takes any bytes for a sign of life, a part of a frame too [C42, C72]", async () => {
    await start({ pingIntervalMs: 400, pongTimeoutMs: 50 });
    const socket = await openWebSocket(server.port);
    const frame = Buffer.from("81fe0064", "hex");
    socket.send(frame);
    for (let times = 0; times < 20; times++) {
      socket.send("x");
      await delay(50);
    }
    assert.equal(socket.client.unread.length, 0, "no ping in 1 s, because the client was never silent for 400 ms");
    assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
  });

  it("is not kept from pinging by what the server sends [C42, C72]", async () => {
    await start({ pingIntervalMs: 100, pongTimeoutMs: 1000 });
    const socket = await openWebSocket(server.port);
    const timer = setInterval(() => channel.send("news"), 20);
    try {
      await socket.client.readUntil((unread) => unread.includes(Buffer.from("8900", "hex")));
    } finally {
      clearInterval(timer);
    }
  });

  it("is off with a pingIntervalMs of 0 [C42, C72]", async () => {
    await start({ pingIntervalMs: 0, pongTimeoutMs: 20 });
    const socket = await openWebSocket(server.port);
    await socket.expectNothing(400);
    channel.send("still here");
    assert.equal(await socket.nextMessage(), "still here");
  });

  it("sends no ping behind a Close, also where the channel closed before the 101 [C11, C121]", async () => {
    await start({ pingIntervalMs: 40, pongTimeoutMs: 1000, closeTimeoutMs: 300 }, (taken) => taken.close(4000, "no"));
    const socket = await openWebSocket(server.port);
    await socket.expectCloseAndEnd(4000);
    assert.deepEqual(log.names(), ["close"]);
  });

  it("sends no ping behind a Close of the server [C121]", async () => {
    await start({ pingIntervalMs: 40, pongTimeoutMs: 1000, closeTimeoutMs: 300 });
    const socket = await openWebSocket(server.port);
    assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
    channel.close();
    await socket.expectCloseAndEnd(1000);
  });

  it("watches each of many clients by itself [C42, C72]", async () => {
    await start({ pingIntervalMs: 100, pongTimeoutMs: 100 });
    const alive = await Promise.all(Array.from({ length: 20 }, () => openWebSocket(server.port)));
    await Promise.all(Array.from({ length: 20 }, () => openWebSocket(server.port)));
    const done = deferred();
    const answering = alive.map(async (socket) => {
      for (let times = 0; times < 5; times++) {
        assert.equal((await socket.nextFrame()).opcode, opcodes.ping);
        socket.sendPong();
      }
    });
    void log.waitFor("close", { count: 20 }).then(() => done.resolve());
    await Promise.all([...answering, done.promise]);
    assert.equal(log.of("close").length, 20);
  });
});
