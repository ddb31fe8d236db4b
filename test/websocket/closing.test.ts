import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  type Channel,
  type ChannelError,
  isChannelError,
  type Limits,
  type Server,
  serve,
  withChannel,
} from "../../src/index.ts";
import { close, frame, opcodes, ping, text } from "../support/frames.ts";
import { Stopwatch } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";

describe("the end of a WebSocket", () => {
  let server: Server;
  const log = new Recorder();
  let channel: Channel;
  let faults: ChannelError[];
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
  });

  async function start(limits: Partial<Limits> = {}, use: (channel: Channel) => void = () => undefined): Promise<void> {
    faults = [];
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          channel = taken;
          channel.onReceive(log.as("receive"));
          channel.onClose((status, detail) => log.record("close", status, detail));
          use(channel);
        }),
      { port: 0, limits, onError: (error) => faults.push(error) },
    );
  }

  it("by the client: the Close comes back as it was, then the server ends TCP first [C118]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    socket.sendClose(1000, "why");
    const answer = await socket.expectClose(1000, { reason: "why" });
    assert.equal(answer.masked, false);
    assert.equal(await socket.client.expectEnd(), "fin");
    assert.deepEqual((await log.waitFor("close")).args, ["normal", { code: 1000, reason: "why", wasClean: true }]);
    assert.equal(channel.isOpen, false);
    assert.deepEqual([channel.send("late"), channel.close()], [false, false]);
    assert.deepEqual(faults, []);
  });

  it("by the client tells the close handler when the Close frame comes, not when TCP ends [C71]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    socket.sendClose(4321, "bye");
    await log.waitFor("close");
    assert.equal(socket.client.socket.writable, true, "our side is still open");
    assert.deepEqual(log.of("close")[0]?.args, ["unknown", { code: 4321, reason: "bye", wasClean: true }]);
  });

  it("by the client: a client that goes on sending and never hangs up is cut after lingerTimeoutMs [C118]", async () => {
    await start({ lingerTimeoutMs: 150 });
    const socket = await openWebSocket(server.port);
    const watch = new Stopwatch();
    socket.sendClose(1000);
    await socket.expectCloseAndEnd(1000);
    const timer = setInterval(() => socket.sendText("still talking"), 10);
    await socket.client.closed;
    clearInterval(timer);
    assert.ok(watch.tookMs > 100 && watch.ownTookMs < 2000, `${watch.tookMs} ms`);
    assert.deepEqual(log.names(), ["close"]);
  });

  it("by the client: FIN right behind its Close changes nothing [C118]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    socket.send(text("last"), close(1001));
    socket.client.end();
    await socket.expectCloseAndEnd(1001);
    assert.deepEqual((await log.waitFor("close")).args, ["going-away", { code: 1001, reason: "", wasClean: true }]);
    assert.deepEqual(log.names(), ["receive", "close"]);
  });

  for (const [how, leave] of [
    ["FIN", "end"],
    ["RST", "reset"],
  ] as const) {
    it(`by a ${how} without a Close frame is abnormal, with 1006 [C72]`, async () => {
      await start();
      const socket = await openWebSocket(server.port);
      socket.client[leave]();
      const { args } = await log.waitFor("close");
      assert.deepEqual(args, ["abnormal", { code: 1006, reason: "", wasClean: false }]);
      assert.equal(channel.send("late"), false);
      await socket.client.waitForEnd();
    });
  }

  it("by the server: Close 1000 without a reason, closed at once, without waiting for the client [C6]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    assert.equal(channel.close(), true);
    assert.equal(channel.isOpen, false);
    assert.deepEqual(log.of("close")[0]?.args, ["server-close", { code: 1000, reason: "", wasClean: true }]);
    assert.equal((await socket.expectClose(1000)).bytes.toString("hex"), "880203e8");
  });

  it("by the server: TCP ends at once when the client answers, and its answer is not answered [C121, C122]", async () => {
    await start({ closeTimeoutMs: 5000 });
    const socket = await openWebSocket(server.port);
    channel.close(4000, "why");
    await socket.expectClose(4000, { reason: "why" });
    const watch = new Stopwatch();
    socket.sendClose(4000, "why");
    assert.equal(await socket.client.expectEnd(), "fin");
    assert.ok(watch.ownTookMs < 1000);
    assert.deepEqual(log.names(), ["close"]);
  });

  it("by the server: TCP ends at once when the client answers with a fault [C114, C122]", async () => {
    await start({ closeTimeoutMs: 5000 });
    const socket = await openWebSocket(server.port);
    channel.close();
    await socket.expectClose(1000);
    socket.send(close(999));
    await socket.client.expectEnd();
    assert.deepEqual(log.names(), ["close"]);
  });

  it("by the server: an unanswered Close is waited for closeTimeoutMs, then TCP ends [C122]", async () => {
    await start({ closeTimeoutMs: 150 });
    const socket = await openWebSocket(server.port);
    channel.close();
    const watch = new Stopwatch();
    await socket.expectCloseAndEnd(1000);
    assert.ok(watch.tookMs > 100 && watch.ownTookMs < 2000, `${watch.tookMs} ms`);
  });

  it("by the server: messages that come behind our Close reach nobody, and pings are not answered [C89]", async () => {
    await start({ closeTimeoutMs: 5000 });
    const socket = await openWebSocket(server.port);
    channel.close();
    await socket.expectClose(1000);
    socket.send(text("crossed"), ping("crossed"), close(1000));
    await socket.client.expectEnd();
    assert.deepEqual(log.names(), ["close"]);
  });

  it("by the server from a ping handler: the other messages of the segment reach nobody [C89]", async () => {
    await start({}, (taken) => taken.onPing(() => void taken.close(4001)));
    const socket = await openWebSocket(server.port);
    socket.send(text("one"), ping(), text("two"), ping());
    assert.equal((await socket.nextFrame()).opcode, opcodes.pong);
    await socket.expectClose(4001);
    socket.sendClose(4001);
    await socket.client.expectEnd();
    assert.deepEqual(log.names(), ["receive", "close"]);
  });

  it("by both at once: one Close each way, and both ends agree [C121]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    socket.sendClose(1000);
    channel.close(4000);
    await socket.expectCloseAndEnd(4000);
    assert.deepEqual(log.of("close")[0]?.args[0], "server-close");
    assert.equal(log.of("close").length, 1);
  });

  it("takes codes that may be sent, with a reason of up to 123 bytes [C120]", async () => {
    await start({}, (taken) => {
      const code = Number(new URL(taken.request.url).searchParams.get("code"));
      assert.equal(taken.close(code, "é".repeat(61)), true);
    });
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
      const socket = await openWebSocket(server.port, `/?code=${code}`);
      await socket.expectClose(code, { reason: "é".repeat(61) });
    }
  });

  it("refuses other codes and longer reasons: it throws, writes nothing, and stays open [C117, C120]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";
    for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, 1000.5, Number.NaN, -1]) {
      assert.throws(() => channel.close(code), isRefusal, String(code));
    }
    for (const code of ["1000", null, {}, 1000n]) assert.throws(() => channel.close(code as number), isRefusal);
    assert.throws(() => channel.close(1000, "*".repeat(124)), isRefusal);
    assert.throws(() => channel.close(1000, "é".repeat(62)), isRefusal);
    assert.throws(() => channel.close(1000, Buffer.from("why") as unknown as string), isRefusal);
    assert.equal(channel.isOpen, true);
    channel.send("still open");
    assert.equal(await socket.nextMessage(), "still open");
  });

  it("by a closing send: the message, then Close 1000, both in the order of the calls [C123]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    channel.send("one");
    assert.equal(channel.send("two", { close: true }), true);
    assert.equal(channel.send("three"), false);
    assert.deepEqual(log.of("close")[0]?.args, ["server-close", { code: 1000, reason: "", wasClean: true }]);
    assert.equal(await socket.nextMessage(), "one");
    assert.equal(await socket.nextMessage(), "two");
    assert.equal((await socket.expectClose(1000)).bytes.toString("hex"), "880203e8");
    socket.sendClose(1000);
    await socket.client.expectEnd();
  });

  it("by a closing send of null is a Close and no frame [C22, C123]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    assert.equal(channel.send(null, { close: true }), true);
    await socket.expectClose(1000);
  });

  it("by a fault of the client is reported to onError, with what it did, and no message follows [C104]", async () => {
    await start();
    const socket = await openWebSocket(server.port);
    socket.send(frame({ opcode: 3 }), text("behind"));
    await socket.expectCloseAndEnd(1002);
    assert.deepEqual(log.names(), ["close"]);
    assert.deepEqual(log.of("close")[0]?.args, ["protocol-error", { code: 1002, reason: "", wasClean: false }]);
    assert.equal(faults.length, 1);
    assert.equal(faults[0]?.code, "PEER_FAULT");
  });

  it("by a Close in the segment of the handshake: open, then closed, never the other way round [C10, C12]", async () => {
    await start();
    for (let times = 0; times < 200; times++) {
      const socket = await openWebSocket(server.port, "/", { firstFrames: [text("hi"), close(1000)] });
      await socket.expectCloseAndEnd(1000);
      socket.client.destroy();
    }
    await log.waitFor("close", { count: 200 });
    assert.deepEqual(log.names(), Array.from({ length: 200 }, () => ["receive", "close"]).flat());
    assert.ok(log.of("close").every(({ args }) => args[0] === "normal"));
  });
});
