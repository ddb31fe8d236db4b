import assert from "node:assert/strict";
import { afterEach, test, type TestContext } from "node:test";
import { type Channel, MemoryChannelStore, type ServeOptions, withChannel } from "../../src/index.ts";
import { setServer, type TestServer } from "../server/set-server.ts";
import { deflateMessage as deflate, inflateMessage } from "../support/deflate.ts";
import * as frames from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Random } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const offer = { extensions: "permessage-deflate; client_max_window_bits" };
const compressedBit = { rsv: 4 };
const long = "a text that is long enough to be compressed, with Å and €. ".repeat(40);

type Stage = TestServer & { readonly log: Recorder };

/** Sends back what it gets; the log has messages, and how each channel closed. */
async function echo(t: TestContext, options: ServeOptions = {}): Promise<Stage> {
  const log = new Recorder();
  const server = await setServer(
    t,
    (request) =>
      withChannel(request, (channel) => {
        channel.onReceive((message) => {
          log.record("message", message);
          channel.send(message);
        });
        channel.onClose(log.as("closed"));
      }),
    { compression: true, ...options },
  );
  return { ...server, log };
}

async function channelOf(
  t: TestContext,
  options: ServeOptions = {},
): Promise<{ channel: Channel; client: RawWebSocket }> {
  const log = new Recorder();
  const { port } = await setServer(t, (request) => withChannel(request, (channel) => log.record("open", channel)), {
    compression: true,
    ...options,
  });
  const client = await openWebSocket(port, "/", offer);
  const [channel] = (await log.waitFor("open")).args as [Channel];
  return { channel, client };
}

test("a message from minBytes to maxBytes goes out compressed, any other as it is", async (t) => {
  const { channel, client } = await channelOf(t, { compression: { minBytes: 100, maxBytes: 3000 } });
  for (const [length, isCompressed] of [
    [0, false],
    [99, false],
    [100, true],
    [3000, true],
    [3001, false],
  ] as const) {
    for (const message of ["x".repeat(length), Buffer.alloc(length, 1)]) {
      channel.send(message);
      const frame = await client.nextFrame();
      assert.equal(frame.rsv, isCompressed ? 4 : 0, `${length} bytes`);
      assert.equal(frame.opcode, typeof message === "string" ? frames.opcodes.text : frames.opcodes.binary);
      assert.ok(isCompressed ? frame.payload.length < length / 2 : frame.payload.length === length);
    }
  }
  channel.send("€".repeat(40));
  assert.equal((await client.nextFrame()).rsv, 4, "bytes count, not characters");
});

test("each message can be read by itself, whatever its length: nothing refers to one before", async (t) => {
  const { channel, client } = await channelOf(t, { compression: { minBytes: 1, maxBytes: 2 ** 21 } });
  const random = new Random(7);
  for (const length of [50, 4095, 4096, 16_383, 16_384, 16_385, 65_536, 100_000, 1_000_000]) {
    const words = Array.from({ length: Math.ceil(length / 4) }, () => random.pick(["abcd", "efgh", "wxyz"]));
    const message = words.join("").slice(0, length);
    for (let count = 0; count < 2; count++) {
      channel.send(message);
      const { rsv, payload } = await client.nextFrame();
      assert.equal(rsv, 4);
      assert.equal(inflateMessage(payload).toString(), message);
    }
  }
});

test("what does not become smaller goes out as it is", async (t) => {
  const { channel, client } = await channelOf(t);
  const noise = new Random(1).bytes(5000);
  channel.send(noise);
  const frame = await client.nextFrame();
  assert.equal(frame.rsv, 0);
  assert.ok(frame.payload.equals(noise));
});

test("a stream is compressed like any other message", async (t) => {
  const { channel, client } = await channelOf(t);
  channel.send(new Blob([long.repeat(10)]));
  const frame = await client.nextFrame();
  assert.equal(frame.rsv, 4);
  assert.ok(frame.payload.length < long.length);
});

test("nothing is compressed for a client that has not offered it", async (t) => {
  const { port } = await echo(t);
  const client = await openWebSocket(port);
  client.sendText(long);
  const frame = await client.nextFrame();
  assert.equal(frame.rsv, 0);
  assert.equal(frame.payload.toString(), long);
});

test("a compressed message arrives inflated: text, bytes, empty ones, in one frame and in many", async (t) => {
  const { port, log } = await echo(t);
  const client = await openWebSocket(port, "/", offer);
  const pieces = (bytes: Buffer): Buffer[] => {
    const [first = Buffer.alloc(0), ...rest] = Array.from(bytes, (byte) => Buffer.of(byte));
    const last = rest.pop() ?? Buffer.alloc(0);
    return [
      frames.text(first, { ...compressedBit, fin: false }),
      ...rest.flatMap((piece) => [frames.ping("within"), frames.continuation(piece, { fin: false })]),
      frames.continuation("", { fin: false }),
      frames.continuation(last),
    ];
  };
  client.sendText(deflate("text"), compressedBit);
  client.sendBinary(deflate(Buffer.of(1, 2, 3)), compressedBit);
  client.sendText(deflate(""), compressedBit);
  client.sendText("", compressedBit);
  client.sendText("as it is");
  client.send(...pieces(deflate(long)));
  for (const expected of ["text", Buffer.of(1, 2, 3), "", "", "as it is", long]) {
    assert.deepEqual(await client.nextMessage(), expected);
  }
  assert.ok(client.passedOver.every(({ payload }) => payload.toString() === "within"));
  assert.deepEqual(
    log.of("message").map(({ args: [message] }) => message),
    ["text", Buffer.of(1, 2, 3), "", "", "as it is", long],
  );
});

test("what other encoders write is read: stored, fixed and several blocks, and a last block before the end", async (t) => {
  const { port } = await echo(t);
  const client = await openWebSocket(port, "/", offer);
  // RFC 7692 §7.2.3: each of these is "Hello".
  for (const hex of [
    "f248cdc9c90700",
    "000500faff48656c6c6f00",
    "f348cdc9c9070000",
    "f248050000 00ffff cac9c90700".replaceAll(" ", ""),
  ]) {
    client.sendText(Buffer.from(hex, "hex"), compressedBit);
    assert.equal(await client.nextMessage(), "Hello", hex);
  }
});

const faults: readonly (readonly [what: string, bytes: readonly Uint8Array[], code: number])[] = [
  ["RSV1 on a continuation", [frames.text("a", { fin: false }), frames.continuation("b", compressedBit)], 1002],
  ["RSV1 on a ping", [frames.ping("", compressedBit)], 1002],
  ["RSV1 on a Close frame", [frames.close(1000, "", compressedBit)], 1002],
  ["RSV2", [frames.text("a", { rsv: 2 })], 1002],
  ["RSV1 and RSV3", [frames.text(deflate("a"), { rsv: 5 })], 1002],
  ["bytes that are not deflated", [frames.text(Buffer.from("ffffff", "hex"), compressedBit)], 1007],
  ["a message that breaks off", [frames.text(deflate(long).subarray(0, -20), compressedBit)], 1007],
  ["text that is not UTF-8 when it is inflated", [frames.text(deflate(Buffer.of(0xc3, 0x28)), compressedBit)], 1007],
  ["a message that refers to one before", [frames.text(Buffer.from("4a862100", "hex"), compressedBit)], 1007],
  [
    "a message that is too large when it is inflated",
    [frames.binary(deflate(Buffer.alloc(2 ** 20 + 1)), compressedBit)],
    1009,
  ],
];

for (const [what, bytes, code] of faults) {
  test(`${what} closes a compressing WebSocket with ${code}, and nothing behind it is read`, async (t) => {
    const { port, log, errors } = await echo(t);
    const client = await openWebSocket(port, "/", offer);
    client.sendText(deflate("before"), compressedBit);
    client.send(...bytes, frames.text(deflate("behind"), compressedBit));
    assert.equal(await client.nextMessage(), "before");
    await client.expectCloseAndEnd(code);
    await log.waitFor("closed");
    assert.deepEqual(
      log.of("message").map(({ args: [message] }) => message),
      ["before"],
    );
    assert.equal(errors.length, 1);
    assert.equal(errors[0]?.code, "PEER_FAULT");
  });
}

test("a compressed message where nothing was agreed closes with 1002 [C97]", async (t) => {
  for (const extensions of [undefined, "permessage-deflate; server_max_window_bits=8"]) {
    const { port } = await echo(t);
    const client = await openWebSocket(port, "/", extensions === undefined ? {} : { extensions });
    client.sendText(deflate("text"), compressedBit);
    await client.expectCloseAndEnd(1002);
  }
});

test("what waits is counted as it goes out: compressed", async (t) => {
  const { channel, client } = await channelOf(t, { limits: { maxBufferedBytes: 20_000 } });
  const message = "z".repeat(15_000);
  for (let count = 0; count < 50; count++) assert.ok(channel.send(message));
  assert.ok(channel.bufferedAmount > 0 && channel.bufferedAmount < 50 * 100, `${channel.bufferedAmount} bytes wait`);
  for (let count = 0; count < 50; count++) assert.equal(await client.nextMessage(), message);
});

test("a broadcast is compressed once, and all members that compress share its bytes [1U-2]", async (t) => {
  const store = new MemoryChannelStore();
  const { port } = await setServer(t, (request) => withChannel(request, (channel) => void store.add("all", channel)), {
    compression: true,
  });
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, index) => openWebSocket(port, "/", index % 2 === 0 ? offer : {})),
  );
  while (store.size("all") < clients.length) await new Promise(setImmediate);
  const { Socket } = await import("node:net");
  const written = t.mock.method(Socket.prototype, "write").mock;
  store.broadcast("all", long);
  for (const client of clients) assert.equal(await client.nextMessage(), long);
  const isFrame = (bytes: unknown): bytes is Buffer =>
    Buffer.isBuffer(bytes) && (bytes[0] === 0xc1 || bytes[0] === 0x81);
  const carriers = written.calls.map(({ arguments: [bytes] }): unknown => bytes).filter(isFrame);
  const places = new Map(carriers.map((bytes) => [`${bytes.byteOffset} ${bytes.length}`, bytes[0]]));
  assert.deepEqual(
    [...places.values()].toSorted((a = 0, b = 0) => a - b),
    [0x81, 0xc1],
  );
  store.broadcast("all", "short");
  for (const client of clients) assert.equal(await client.nextMessage(), "short");
});
