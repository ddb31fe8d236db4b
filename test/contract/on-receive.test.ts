import assert from "node:assert/strict";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { type Deferred, deferred } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { Stopwatch } from "../support/own-time.ts";
import { connectRaw } from "../support/raw-client.ts";
import { eachKind, expectProbe, getRequest, httpKinds, nextPath, socketOf, webSocket } from "./kinds.ts";
import { type Parked, parkTest } from "./park.ts";

eachKind(
  "an HTTP channel receives nothing: what its client has to say is the body of the request [C85]",
  async (kind, park) => {
    const path = nextPath();
    const client = await connectRaw(park.port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello`);
    const { channel, log, request } = await park.at(path);
    assert.equal(await request.text(), "hello");
    channel.send("answer", { close: kind.name === "long-polling" });
    client.end();
    await log.waitFor("close");
    assert.deepEqual(log.names(), ["open", "close"]);
  },
  { kinds: httpKinds },
);

parkTest("websocket: text is a string and binary is bytes, empty ones too [C85]", async (park) => {
  const peer = await webSocket.open(park);
  const binary = Buffer.from([0, 1, 255]);
  socketOf(peer).send(frames.text("grüße 🎈"), frames.binary(binary), frames.text(""), frames.binary(""));
  await peer.log.waitFor("receive", { count: 4 });
  const [text, bytes, emptyText, emptyBytes] = peer.log.of("receive").map(({ args }) => args[0]);
  assert.equal(text, "grüße 🎈");
  assert.ok(bytes instanceof Uint8Array);
  assert.deepEqual(Buffer.from(bytes), binary);
  assert.equal(emptyText, "");
  assert.ok(emptyBytes instanceof Uint8Array);
  assert.equal(emptyBytes.length, 0);
});

/** A receive handler whose runs a test lets end by hand. */
class Gate {
  readonly runs: Deferred<void>[] = [];

  readonly use = ({ channel, log }: Parked): void => {
    channel.onReceive(async (message) => {
      log.record(`start ${String(message)}`);
      const run = deferred();
      this.runs.push(run);
      try {
        await run.promise;
      } finally {
        log.record(`end ${String(message)}`);
      }
    });
  };
}

const sequence = new Gate();

parkTest(
  "websocket: a handler that is not done keeps the next message back, and other channels run on [C86]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("1"), frames.text("2"), frames.text("3"));
    await peer.log.waitFor("start 1");
    await delay(30);
    assert.deepEqual(peer.log.names(), ["open", "start 1"]);
    const other = await webSocket.open(park);
    socketOf(other).sendText("other");
    await other.log.waitFor("start other");
    await expectProbe(await connectRaw(park.port));
    sequence.runs[0]?.resolve();
    await peer.log.waitFor("start 2");
    sequence.runs[2]?.resolve();
    await peer.log.waitFor("start 3");
    sequence.runs[3]?.resolve();
    await peer.log.waitFor("end 3");
    assert.deepEqual(peer.log.names(), ["open", "start 1", "end 1", "start 2", "end 2", "start 3", "end 3"]);
  },
  { use: sequence.use },
);

parkTest(
  "websocket: 500 messages to a handler that is sometimes asynchronous stay in order [C86]",
  async (park) => {
    const peer = await webSocket.open(park);
    const texts = Array.from({ length: 500 }, (_, index) => `${index}`);
    socketOf(peer).send(...texts.map((text) => frames.text(text)));
    await peer.log.waitFor("done", { count: texts.length });
    assert.deepEqual(
      peer.log.of("done").map(({ args }) => args[0]),
      texts,
    );
  },
  {
    use: ({ channel, log }) =>
      channel.onReceive((message) => {
        if (Number(message) % 3 > 0) return log.record("done", message);
        return nextTurn().then(() => log.record("done", message));
      }),
  },
);

for (const how of ["throws", "rejects", "is no promise but has a then that fails"]) {
  parkTest(
    `websocket: a handler that ${how} is reported, and the next message is handled [C87]`,
    async (park) => {
      const peer = await webSocket.open(park);
      socketOf(peer).send(frames.text("bad"), frames.text("good"));
      assert.deepEqual((await peer.log.waitFor("handled")).args, ["good"]);
      const { code, details, cause } = park.expectError("HANDLER_FAILED");
      assert.equal(code, "HANDLER_FAILED");
      assert.deepEqual(details, { handler: "onReceive", channelId: peer.channel.id });
      assert.equal((cause as Error).message, "bad");
      assert.equal(peer.channel.isOpen, true);
      peer.channel.send("still here");
      assert.equal(await peer.readText(), "still here");
    },
    {
      use: ({ channel, log }) =>
        channel.onReceive((message) => {
          if (message === "good") return log.record("handled", message);
          if (how === "throws") throw new Error("bad");
          if (how === "rejects") return Promise.reject(new Error("bad"));
          // oxlint-disable-next-line unicorn/no-thenable -- what a handler in JavaScript may return
          const thenable = { then: (_: unknown, reject: (cause: Error) => void) => reject(new Error("bad")) };
          return thenable;
        }),
    },
  );
}

parkTest(
  "websocket: without a handler messages are dropped, and one that is set later gets only later ones [C88]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("before"), frames.ping("now"));
    await peer.log.waitFor("ping");
    peer.channel.onReceive(peer.log.as("receive"));
    socketOf(peer).sendText("after");
    assert.deepEqual((await peer.log.waitFor("receive")).args, ["after"]);
    assert.equal(peer.log.of("receive").length, 1);
  },
  { unset: ["onReceive"] },
);

parkTest(
  "websocket: messages wait for a handler that is set while an asynchronous use is under way [C10] [C88]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("early"), frames.ping("now"));
    await peer.log.waitFor("ping");
    peer.channel.onReceive(peer.log.as("receive"));
    assert.deepEqual((await peer.log.waitFor("receive")).args, ["early"]);
  },
  { unset: ["onReceive"], use: () => new Promise(() => undefined) },
);

parkTest(
  "websocket: messages that wait for an asynchronous use are dropped when it ends without a handler [C88]",
  async (park) => {
    const gate = uses.at(-1) ?? assert.fail();
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("early"), frames.ping("now"));
    await peer.log.waitFor("ping");
    gate.resolve();
    await nextTurn();
    peer.channel.onReceive(peer.log.as("receive"));
    socketOf(peer).sendText("after");
    assert.deepEqual((await peer.log.waitFor("receive")).args, ["after"]);
  },
  { unset: ["onReceive"], use: () => uses.at(-1)?.promise },
);

const uses: Deferred<void>[] = [deferred()];

parkTest("websocket: what comes after the server has closed is dropped [C89]", async (park) => {
  const peer = await webSocket.open(park);
  peer.channel.close();
  socketOf(peer).send(frames.text("late"), frames.ping("late"), frames.close(1000));
  await socketOf(peer).expectCloseAndEnd(1000);
  assert.deepEqual(peer.log.names(), ["open", "close"]);
});

parkTest(
  "websocket: messages in the segment in which a handler closes are dropped [C76] [C89]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("1"), frames.text("2"), frames.text("3"));
    await peer.log.waitFor("close");
    await nextTurn();
    assert.deepEqual(peer.log.names(), ["open", "handled 1", "after close", "close"]);
  },
  {
    use: ({ channel, log }) =>
      channel.onReceive((message) => {
        log.record(`handled ${String(message)}`);
        channel.close();
        // The close handler never overlaps with a handler that runs.
        log.record("after close");
      }),
  },
);

const closing = new Gate();

parkTest(
  "websocket: a message that waits when the server closes is dropped, and the close handler waits for the one that runs [C76] [C89]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("1"), frames.text("2"));
    await peer.log.waitFor("start 1");
    assert.equal(peer.channel.close(), true);
    await socketOf(peer).expectClose(1000);
    await delay(30);
    assert.deepEqual(peer.log.names(), ["open", "start 1"]);
    closing.runs[0]?.resolve();
    await peer.log.waitFor("close");
    assert.deepEqual(peer.log.names(), ["open", "start 1", "end 1", "close"]);
  },
  { use: closing.use },
);

const leaving = new Gate();

parkTest(
  "websocket: messages before the client's Close are handled, one at a time, before the close handler runs [C12] [C76]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("1"), frames.text("2"), frames.close(1000, "bye"));
    await peer.log.waitFor("start 1");
    // The Close is answered without waiting for them.
    await socketOf(peer).expectCloseAndEnd(1000);
    assert.equal(peer.channel.isOpen, false);
    assert.deepEqual(peer.log.names(), ["open", "start 1"]);
    leaving.runs[0]?.resolve();
    await peer.log.waitFor("start 2");
    leaving.runs[1]?.resolve();
    await peer.expectClose("normal", { code: 1000, reason: "bye" });
    assert.deepEqual(peer.log.names(), ["open", "start 1", "end 1", "start 2", "end 2", "close"]);
  },
  { use: leaving.use },
);

const failing = new Gate();

parkTest(
  "websocket: a handler that fails after the client has left is reported, then the close handler runs [C76] [C87]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).sendText("1");
    await peer.log.waitFor("start 1");
    peer.client.reset();
    await delay(30);
    assert.deepEqual(peer.log.names(), ["open", "start 1"]);
    failing.runs[0]?.reject(new Error("no"));
    await peer.expectClose("abnormal");
    park.expectError("HANDLER_FAILED");
  },
  { use: failing.use },
);

const endless = new Gate();

for (const departure of webSocket.departures) {
  parkTest(
    `websocket: a handler that never ends keeps ${departure.how} from the application no longer than the grace time [C92]`,
    async (park) => {
      const peer = await webSocket.open(park);
      socketOf(peer).send(frames.text("1"), frames.text("2"));
      await peer.log.waitFor("start 1");
      const watch = new Stopwatch();
      departure.leave(peer.client);
      await peer.expectClose(departure.status, departure.detail);
      assert.ok(watch.tookMs >= 90 && watch.ownTookMs < 1000, `${watch.tookMs} ms`);
      // What it does from now on is its own affair: nothing is handled and nothing is told twice.
      endless.runs.at(-1)?.resolve();
      await delay(150);
      assert.deepEqual(peer.log.names(), ["open", "start 1", "close", "end 1"]);
    },
    { use: endless.use, limits: { closeGraceMs: 100 } },
  );
}

parkTest(
  "websocket: a handler that never ends keeps nobody but its own channel waiting [C86] [C92]",
  async (park) => {
    const stuck = await webSocket.open(park);
    socketOf(stuck).sendText("stuck");
    await stuck.log.waitFor("received stuck");
    const other = await webSocket.open(park);
    socketOf(other).sendText("quick");
    await other.log.waitFor("received quick");
    stuck.channel.send("out");
    assert.equal(await stuck.readText(), "out");
  },
  {
    use: ({ channel, log }) =>
      channel.onReceive((message) => {
        log.record(`received ${String(message)}`);
        return message === "stuck" ? new Promise(() => undefined) : undefined;
      }),
  },
);

const slow = new Gate();

parkTest(
  "websocket: while a handler is slow the server stops reading, so that the client waits [C90]",
  async (park) => {
    const peer = await webSocket.open(park);
    const { socket } = peer.client;
    const message = frames.binary(Buffer.alloc(60_000));
    let writtenBytes = 0;
    const totalBytes = 64 * 1024 * 1024;
    while (writtenBytes < totalBytes) {
      writtenBytes += message.length;
      if (!socket.write(message) && !(await drainsSoon(socket))) break;
    }
    assert.ok(writtenBytes < totalBytes / 2, `${writtenBytes} bytes were taken`);
    assert.equal(peer.channel.isOpen, true);
    // Once the handler gets on, so does the client.
    slow.runs[0]?.resolve();
    const drain = deferred();
    socket.once("drain", () => drain.resolve());
    const goOn = setInterval(() => slow.runs.forEach((run) => run.resolve()), 1);
    try {
      await drain.promise;
    } finally {
      clearInterval(goOn);
    }
  },
  { use: slow.use },
);

async function drainsSoon(socket: { once(event: "drain", listener: () => void): unknown }): Promise<boolean> {
  const drained = deferred<boolean>();
  socket.once("drain", () => drained.resolve(true));
  const timer = setTimeout(() => drained.resolve(false), 200);
  const result = await drained.promise;
  clearTimeout(timer);
  return result;
}

const stalled = new Gate();

parkTest(
  "websocket: a handler that gets nowhere while too much waits ends the channel with 1013, overflow [C90] [C91]",
  async (park) => {
    const peer = await webSocket.open(park);
    for (let index = 0; index < 20; index++) socketOf(peer).sendText(`${index}`);
    await peer.log.waitFor("start 0");
    await socketOf(peer).expectClose(1013, { timeoutMs: 2000 });
    assert.equal(peer.channel.isOpen, false);
    stalled.runs[0]?.resolve();
    await peer.expectClose("overflow", { code: 1013, wasClean: false });
    assert.deepEqual(peer.log.names(), ["open", "start 0", "end 0", "close"]);
  },
  { use: stalled.use, limits: { maxQueuedMessages: 4, receiveStallTimeoutMs: 100 } },
);

const busy = new Gate();

parkTest(
  "websocket: a handler that is slow but gets on is not taken for stuck [C90] [C91]",
  async (park) => {
    const peer = await webSocket.open(park);
    for (let index = 0; index < 20; index++) socketOf(peer).sendText(`${index}`);
    for (let index = 0; index < 20; index++) {
      await peer.log.waitFor(`start ${index}`);
      await delay(100);
      busy.runs[index]?.resolve();
    }
    await peer.log.waitFor("end 19");
    assert.equal(peer.channel.isOpen, true);
  },
  { use: busy.use, limits: { maxQueuedMessages: 4, receiveStallTimeoutMs: 1000 } },
);

parkTest(
  "websocket: a ping is answered while a handler runs, and its handler gets the payload [C112]",
  async (park) => {
    const peer = await webSocket.open(park);
    socketOf(peer).send(frames.text("1"), frames.ping("now"));
    const pong = await socketOf(peer).nextFrame();
    assert.equal(pong.opcode, frames.opcodes.pong);
    assert.equal(pong.payload.toString(), "now");
    const { args } = await peer.log.waitFor("ping");
    assert.deepEqual(Buffer.from(args[0] as Uint8Array), Buffer.from("now"));
  },
  { use: new Gate().use },
);

parkTest(
  "websocket: a client that goes silent behind a full queue is still answered when the server closes [C90] [C122]",
  async (park) => {
    const peer = await webSocket.open(park);
    for (let index = 0; index < 20; index++) socketOf(peer).sendText(`${index}`);
    await peer.log.waitFor("start 0");
    socketOf(peer).sendClose(1000);
    peer.channel.close();
    await socketOf(peer).expectCloseAndEnd(1000);
  },
  { use: new Gate().use, limits: { maxQueuedMessages: 4, closeGraceMs: 50 } },
);

parkTest("a request for another path is no channel and gets its own answer [C1]", async (park) => {
  const client = await connectRaw(park.port);
  client.write(getRequest("/elsewhere"));
  assert.equal((await client.readResponse()).status, 404);
});
