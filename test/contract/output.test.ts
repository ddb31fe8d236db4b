import assert from "node:assert/strict";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { defaultLimits } from "../../src/index.ts";
import { within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { collectGarbage, residentBytes } from "../support/resources.ts";
import {
  eachKind,
  expectProbe,
  getRequest,
  httpKinds,
  type Kind,
  longPolling,
  nextPath,
  type Peer,
  socketOf,
  streaming,
  webSocket,
} from "./kinds.ts";
import { type Park, parkTest } from "./park.ts";

const { softBufferedBytes, maxBufferedBytes } = defaultLimits;
const mebibyte = 1024 * 1024;
const megabytesForAnyKernel = 24 * mebibyte;

/** Fills the buffers of both kernels, so that what is sent from here on waits in this process. */
async function stall(peer: Peer): Promise<void> {
  peer.client.pause();
  // One send into an empty queue is always accepted: this one will not get through while the client does not read.
  assert.equal(peer.push(Buffer.alloc(megabytesForAnyKernel, "s")), true);
  await nextTurn();
  assert.ok(peer.channel.bufferedAmount > maxBufferedBytes);
}

async function openStalled(kind: Kind, park: Park): Promise<Peer> {
  const peer = await kind.open(park);
  await stall(peer);
  return peer;
}

eachKind(
  "a client that reads nothing cannot make the server keep more than the hard limit [C124] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.client.pause();
    await collectGarbage();
    const beforeBytes = residentBytes();
    let largest = 0;
    let accepted = 0;
    const piece = 64 * 1024;
    for (let index = 0; index < 2000; index++) {
      if (!peer.push(Buffer.alloc(piece, index & 0xff))) break;
      accepted += 1;
      largest = Math.max(largest, peer.channel.bufferedAmount);
      if (index % 4 === 3) await nextTurn();
    }
    assert.ok(accepted < 2000, "it was refused in the end");
    assert.ok(largest <= maxBufferedBytes + piece, `${largest} bytes waited`);
    await peer.log.waitFor("close", { timeoutMs: 1000 });
    await peer.expectClose("overflow", { code: 1013, reason: "", wasClean: false });
    peer.expectDead();
    await collectGarbage();
    const grownBytes = residentBytes() - beforeBytes;
    assert.ok(grownBytes < 64 * mebibyte, `${grownBytes} bytes more are in memory`);
  },
);

eachKind(
  "the send that finds no room is false and ends the channel: cut over HTTP, 1013 over a WebSocket [C127]",
  async (kind, park) => {
    const peer = await openStalled(kind, park);
    assert.equal(peer.channel.isOpen, true);
    assert.equal(peer.push("one byte too many"), false);
    assert.deepEqual(peer.log.names(), ["open", "close"]);
    await peer.expectClose("overflow", { code: 1013, wasClean: false });
    peer.expectDead();
    peer.client.resume();
    if (kind.isWebSocket) {
      assert.equal((await peer.readBytes({ timeoutMs: 10_000 })).length, megabytesForAnyKernel);
      await peer.expectCut(1013);
    } else {
      if (kind === longPolling) await peer.readStart();
      await peer.expectCut(1013);
    }
    assert.ok(!peer.client.received.includes("one byte too many"));
  },
);

eachKind("a send that closes and finds no room ends as overflow as well [C127]", async (kind, park) => {
  const peer = await openStalled(kind, park);
  assert.equal(peer.channel.send("too much", { close: true }), false);
  await peer.expectClose("overflow", { code: 1013 });
  assert.equal(peer.log.of("close").length, 1);
});

eachKind("null and empty data find room where nothing else does [C22] [C127]", async (kind, park) => {
  const peer = await openStalled(kind, park);
  assert.equal(peer.push(null), true);
  if (!kind.isWebSocket) assert.equal(peer.push(""), true);
  assert.equal(peer.channel.isOpen, true);
});

eachKind("a channel at its hard limit can still be closed in good order [C4] [C126]", async (kind, park) => {
  const peer = await openStalled(kind, park);
  assert.equal(peer.channel.close(), true);
  await peer.expectClose("server-close");
  peer.client.resume();
  assert.equal((await peer.readBytes({ timeoutMs: 10_000 })).length, megabytesForAnyKernel);
  await peer.expectGoodEnd();
});

eachKind("one send into an empty queue is accepted, whatever its size, and arrives [C127]", async (kind, park) => {
  const peer = await kind.open(park);
  const bytes = Buffer.alloc(megabytesForAnyKernel);
  for (let index = 0; index < bytes.length; index += 4096) bytes.writeUInt32BE(index, index);
  assert.equal(peer.push(bytes), true);
  assert.ok(bytes.equals(await peer.readBytes({ timeoutMs: 10_000 })));
  await within(1000, peer.channel.flushed(), "flushed");
  assert.equal(peer.push(bytes), true, "once more, since the queue is empty again");
  assert.ok(bytes.equals(await peer.readBytes({ timeoutMs: 10_000 })));
});

eachKind(
  "with a client that reads everything accepted arrives, in order: 10 MB paced by drained() [C125]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    const pieceBytes = 50_000;
    const produce = async (): Promise<void> => {
      for (let index = 0; index < 200; index++) {
        assert.equal(peer.push(Buffer.alloc(pieceBytes, index)), true, `send ${index}`);
        await peer.channel.drained();
      }
    };
    const produced = produce();
    for (let index = 0; index < 200; index++) {
      const bytes = await peer.readBytes();
      assert.equal(bytes.length, pieceBytes);
      assert.ok(
        bytes.every((byte) => byte === index),
        `message ${index}`,
      );
    }
    await produced;
    assert.equal(peer.channel.isOpen, true);
  },
);

eachKind(
  "what waits for a client that sleeps arrives when it wakes up, and nothing is lost or out of order [C125]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.client.pause();
    const pieceBytes = 16 * 1024;
    let count = 0;
    while (peer.channel.bufferedAmount + pieceBytes + 100 <= maxBufferedBytes && count < 4000) {
      assert.equal(peer.push(Buffer.alloc(pieceBytes, count++)), true);
      if (count % 4 === 0) await nextTurn();
    }
    assert.ok(peer.channel.bufferedAmount > maxBufferedBytes / 2, "the client's and the server's kernel are full");
    peer.client.resume();
    for (let index = 0; index < count; index++) {
      const bytes = await peer.readBytes();
      assert.equal(bytes.length, pieceBytes);
      assert.equal(bytes[0], index & 0xff);
    }
    await within(1000, peer.channel.flushed(), "flushed");
    assert.equal(peer.channel.bufferedAmount, 0);
  },
);

eachKind(
  "a send of 50 MB that closes arrives whole at a client that begins to read later [C126]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.client.pause();
    const bytes = Buffer.alloc(50 * mebibyte, "x");
    assert.equal(peer.channel.send(bytes, { close: true }), true);
    // Longer than any time limit of this server but that for an idle connection.
    await delay(400);
    peer.client.resume();
    assert.equal((await peer.readBytes({ timeoutMs: 20_000 })).length, bytes.length);
    await peer.expectGoodEnd();
  },
  { limits: { closeTimeoutMs: 100, lingerTimeoutMs: 100 } },
);

for (const kind of httpKinds) {
  parkTest(
    `${kind.name}: 50 MB on a connection that closes behind them arrive whole, then FIN [C43] [C126]`,
    async (park) => {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(getRequest(path, "Connection: close\r\n"));
      const { channel } = await park.at(path);
      client.pause();
      const bytes = Buffer.alloc(50 * mebibyte, "x");
      assert.equal(channel.send(bytes, { close: kind === longPolling }), true);
      if (kind === streaming) assert.equal(channel.close(), true);
      await delay(400);
      client.resume();
      await client.readHead();
      if (kind === longPolling)
        assert.equal((await client.readBytes(bytes.length, { timeoutMs: 20_000 })).length, bytes.length);
      else
        assert.equal(
          (await client.readChunk({ timeoutMs: 20_000 })).length + (await client.readChunk()).length,
          bytes.length,
        );
      assert.equal(await client.expectEnd(), "fin");
    },
    { limits: { closeTimeoutMs: 100, lingerTimeoutMs: 100 } },
  );
}

eachKind(
  "a burst in one turn, far over the soft limit, arrives whole and in order [C25] [C125]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const sizes = [128 * 1024, 1, 64 * 1024, 70_000, 0, 65_535, 65_536, 127, 125, 126, 200_000];
    for (const [index, size] of sizes.entries()) assert.equal(peer.push(Buffer.alloc(size, index)), true);
    for (const [index, size] of sizes.entries()) {
      if (size === 0 && !kind.isWebSocket) continue;
      const bytes = await peer.readBytes();
      assert.equal(bytes.length, size);
      assert.ok(
        bytes.every((byte) => byte === index),
        `message ${index}`,
      );
    }
    assert.equal(peer.channel.bufferedAmount, 0);
  },
);

eachKind(
  "a burst of small messages in one turn is no overflow for a client that reads [C25] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const text = "x".repeat(1000);
    for (let index = 0; index < 2000; index++) assert.equal(peer.push(`${index} ${text}`), true, `send ${index}`);
    for (let index = 0; index < 2000; index++) assert.equal(await peer.readText(), `${index} ${text}`);
    assert.equal(peer.channel.isOpen, true);
  },
  { limits: { maxBufferedBytes: 4 * mebibyte } },
);

eachKind(
  "bufferedAmount grows with each send of a turn, and is 0 once all of it is handed over [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    assert.equal(peer.channel.bufferedAmount, 0);
    peer.push("x".repeat(1000));
    const first = peer.channel.bufferedAmount;
    assert.ok(first >= 1000 && first < 2000, `${first} bytes`);
    peer.push("x".repeat(1000));
    const second = peer.channel.bufferedAmount;
    assert.ok(second >= first + 1000 && second < first + 1100, `${second} bytes`);
    await peer.channel.flushed();
    assert.equal(peer.channel.bufferedAmount, 0);
    await peer.readBytes();
  },
);

eachKind(
  "drained() resolves at once while less than the soft limit waits, also on a closed channel [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    await within(100, peer.channel.drained(), "drained of an idle channel");
    peer.push("x".repeat(softBufferedBytes / 2));
    await within(100, peer.channel.drained(), "drained below the soft limit");
    peer.channel.close();
    await within(100, peer.channel.drained(), "drained of a closed channel");
  },
);

eachKind(
  "drained() waits for the client at the soft limit, and resolves when less waits [C127]",
  async (kind, park) => {
    const peer = await openStalled(kind, park);
    let isDrained = false;
    const drained = peer.channel.drained().then(() => void (isDrained = true));
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.equal(isDrained, false);
    peer.client.resume();
    await within(5000, drained, "drained");
    assert.ok(peer.channel.bufferedAmount < softBufferedBytes);
  },
);

eachKind(
  "drained() and flushed() resolve when the client leaves while they wait, and never reject [C127]",
  async (kind, park) => {
    for (const { leave } of kind.departures) {
      const peer = await openStalled(kind, park);
      const waits = Promise.all([peer.channel.drained(), peer.channel.flushed()]);
      await nextTurn();
      leave(peer.client);
      await peer.log.waitFor("close");
      if (kind.isWebSocket) peer.client.destroy();
      await within(1000, waits, "drained and flushed");
      await within(100, Promise.all([peer.channel.drained(), peer.channel.flushed()]), "both of them later");
    }
  },
);

eachKind(
  "drained() resolves when this side closes while it waits: nothing more can be sent [C127]",
  async (kind, park) => {
    const peer = await openStalled(kind, park);
    const drained = peer.channel.drained();
    await nextTurn();
    peer.channel.close();
    await within(100, drained, "drained");
  },
);

eachKind("flushed() waits for what was sent before it and for nothing that comes later [C68]", async (kind, park) => {
  const peer = await kind.open(park);
  await within(100, peer.channel.flushed(), "flushed of an idle channel");
  peer.push("a");
  const flushed = peer.channel.flushed();
  await within(100, flushed, "flushed");
  await stall(peer);
  let isFlushed = false;
  const second = peer.channel.flushed().then(() => void (isFlushed = true));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(isFlushed, false);
  peer.client.resume();
  await within(5000, second, "flushed when the client reads");
});

eachKind("any number of waits for one channel costs one listener on its socket [C127]", async (kind, park) => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on("warning", listen);
  try {
    const peer = await openStalled(kind, park);
    const waits = Array.from({ length: 50 }, () => [peer.channel.drained(), peer.channel.flushed()]).flat();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    peer.client.resume();
    await within(5000, Promise.all(waits), "all of them");
    peer.channel.close();
    await Promise.all(Array.from({ length: 50 }, () => peer.channel.flushed()));
    await nextTurn();
    assert.deepEqual(warnings, []);
  } finally {
    process.off("warning", listen);
  }
});

eachKind(
  "a producer that waits for drained() holds no more than the soft limit and one message [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.client.pause();
    const pieceBytes = 10_000;
    let sent = 0;
    let largest = 0;
    const produce = async (): Promise<void> => {
      while (sent < 5000 && peer.push(Buffer.alloc(pieceBytes))) {
        sent += 1;
        largest = Math.max(largest, peer.channel.bufferedAmount);
        await peer.channel.drained();
      }
    };
    const produced = produce();
    for (let before = -1; before !== sent; await delay(100)) before = sent;
    assert.ok(sent < 5000, "it waits for its client");
    assert.ok(largest < softBufferedBytes + 2 * pieceBytes, `${largest} bytes waited`);
    peer.channel.close();
    await within(1000, produced, "the producer, which sees that the channel is closed");
  },
);

eachKind("a channel that overflows takes no other channel with it [C124] [C127]", async (kind, park) => {
  const [slow, other] = [await openStalled(kind, park), await kind.open(park)];
  assert.equal(slow.push("too much"), false);
  assert.equal(other.push("fine"), true);
  assert.equal(await other.readText(), "fine");
  await expectProbe(await connectRaw(park.port));
});

parkTest("websocket: pongs for a client that reads nothing count as what waits for it [C124] [C127]", async (park) => {
  const peer = await webSocket.open(park);
  await stall(peer);
  socketOf(peer).sendPing("p");
  await peer.expectClose("overflow", { code: 1013 });
});

eachKind(
  "what is sent on a channel of a pipelined request is bounded like any other [C53] [C127] [4.2 #11]",
  async (kind, park) => {
    const first = await longPolling.open(park);
    const path = nextPath();
    first.client.write(getRequest(path));
    first.client.pause();
    await stall(first);
    assert.equal(first.push("too much"), false);
    await delay(30);
    assert.equal(park.has(path), false, "the request behind it is gone with its connection");
    assert.equal(kind, longPolling);
  },
  { kinds: [longPolling] },
);

parkTest(
  "websocket: a client that takes nothing of what waits before a Close is cut after the idle time [C122] [C126]",
  async (park) => {
    const peer = await openStalled(webSocket, park);
    assert.equal(peer.channel.close(), true);
    // With nobody to read it, it is over only when the connection is gone.
    await within(2000, peer.channel.flushed(), "the end of the connection");
    peer.client.resume();
    await peer.client.waitForEnd();
    assert.ok(peer.client.received.length < megabytesForAnyKernel);
  },
  { limits: { idleTimeoutMs: 300, closeTimeoutMs: 100 } },
);

parkTest(
  "websocket: a client that reads too slowly gets no time for its 1013 but that for an answer [C122] [C127]",
  async (park) => {
    const peer = await openStalled(webSocket, park);
    assert.equal(peer.push("too much"), false);
    await within(2000, peer.channel.flushed(), "the end of the connection");
  },
  { limits: { closeTimeoutMs: 100 } },
);
