import assert from "node:assert/strict";
import { Socket } from "node:net";
import { afterEach, test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Channel, MemoryChannelStore, type ServeOptions, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { deflateMessage, inflateMessage } from "../support/deflate.ts";
import * as frames from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type OpenWebSocketOptions, type RawWebSocket } from "../support/websocket-client.ts";
import { echo } from "./frame-case.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const mebibyte = 1024 * 1024;
const store = new MemoryChannelStore();
const limits = { maxBufferedBytes: 256 * mebibyte, closeTimeoutMs: 60_000, lingerTimeoutMs: 60_000 };
const offer = { extensions: "permessage-deflate; client_max_window_bits" };

/** Between which messages a pong may stand: behind what had left when its ping was read, before what was sent after that. */
type Place = { readonly atLeast: number; readonly atMost: number };

/** One connection: both its ends, and the frames that must come. */
class Party {
  readonly name: string;
  readonly client: RawWebSocket;
  readonly channel: Channel;
  readonly sent: (string | Buffer)[] = [];
  /** For each pong. A ping that comes while the end waits behind a stream reaches no handler, but is answered. */
  readonly places: Place[] = [];
  mostBuffered = 0;
  /** Messages that come before the first stream that may not have left yet. */
  #firmCount: number | undefined;
  #pings = 0;

  constructor(name: string, client: RawWebSocket, channel: Channel) {
    this.name = name;
    this.client = client;
    this.channel = channel;
    channel.onPing(() => {
      this.places.push({ atLeast: this.#firmCount ?? this.sent.length, atMost: this.sent.length });
    });
  }

  send(message: string | Buffer, options?: { close: boolean }): void {
    assert.equal(this.channel.send(message, options), true);
    this.note(message);
  }

  note(message: string | Buffer): void {
    this.sent.push(message);
    this.mostBuffered = Math.max(this.mostBuffered, this.channel.bufferedAmount);
  }

  sendStream(pieces: readonly Buffer[]): void {
    this.channel.send(drip(pieces));
    this.#firmCount ??= this.sent.length;
    this.note(Buffer.concat(pieces));
  }

  ping(): void {
    this.#pings += 1;
    this.client.sendPing(`${this.name} ${this.#pings}`);
  }

  /** Compares every frame that came with what was sent, and sees that nothing follows the Close. */
  async checkWire(code: number): Promise<void> {
    const received: frames.Frame[] = [];
    let last = await this.client.nextFrame({ timeoutMs: 30_000 });
    for (; last.opcode !== frames.opcodes.close; last = await this.client.nextFrame({ timeoutMs: 30_000 })) {
      received.push(last);
    }
    assert.deepEqual(last.bytes, frames.close(code, "", { mask: false }));
    this.client.sendPing("behind the Close");
    this.client.sendClose(1000);
    await this.client.client.expectEnd({ timeoutMs: 30_000 });
    let messages = 0;
    let pongs = 0;
    for (const frame of received) {
      if (frame.opcode === frames.opcodes.pong) {
        const { atLeast, atMost } = this.places[pongs] ?? { atLeast: 0, atMost: this.sent.length };
        assert.ok(
          messages >= atLeast && messages <= atMost,
          `${messages} of ${atLeast} to ${atMost} before pong ${pongs}`,
        );
        pongs += 1;
        assert.equal(frame.payload.toString(), `${this.name} ${pongs}`);
      } else {
        this.#checkMessage(frame, messages);
        messages += 1;
      }
    }
    assert.equal(messages, this.sent.length, "every message that was sent");
    assert.ok(pongs >= this.places.length, "a pong for every ping that was read");
  }

  #checkMessage(frame: frames.Frame, index: number): void {
    const message = this.sent[index] ?? assert.fail("more messages than were sent");
    const isCompressed = this.name === "compressed" && isCompressible(message);
    assert.equal(frame.rsv, isCompressed ? 4 : 0, `message ${index} of ${message.length}`);
    const bytes = isCompressed
      ? echo(typeof message === "string" ? payloadText(frame) : inflateMessage(frame.payload))
      : frame.bytes;
    assert.ok(bytes.equals(echo(message)), `message ${index} of ${message.length}`);
  }
}

function payloadText(frame: frames.Frame): string {
  return inflateMessage(frame.payload).toString();
}

/** Text of the tests is made of words, bytes are noise. */
function isCompressible(message: string | Buffer): boolean {
  return typeof message === "string" && message.length >= 1024;
}

async function* drip(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await nextTurn();
    yield piece;
  }
}

async function openParties(t: TestContext): Promise<readonly Party[]> {
  const log = new Recorder();
  const open = async (name: string, options: ServeOptions, request: OpenWebSocketOptions = {}): Promise<Party> => {
    const { port } = await setServer(
      t,
      (arrived) =>
        withChannel(arrived, (channel) => {
          store.add("all", channel);
          log.record(name, channel);
        }),
      { ...options, limits, compression: true },
    );
    const client = await openWebSocket(port, "/", request);
    return new Party(name, client, (await log.waitFor(name)).args[0] as Channel);
  };
  return [
    await open("slow", {}),
    await open("compressed", {}, offer),
    await open("tls", { tls: selfSignedCertificate() }, { connect: { tls: true } }),
  ];
}

function someText(random: Random): string {
  const length = random.chance(0.6) ? random.int(0, 60) : random.chance(0.7) ? random.int(1500, 9000) : 120_000;
  let message = "";
  while (message.length < length) message += random.pick(["alpha ", "beta,", "{gamma}", `${random.int(0, 999)} `]);
  return message;
}

/** What is done in one turn. */
function act(parties: readonly Party[], random: Random): void {
  for (let count = random.int(1, 8); count > 0; count--) {
    const party = random.pick(parties);
    const choice = random.next();
    if (choice < 0.4) party.send(someText(random));
    else if (choice < 0.55) party.send(random.bytes(random.int(0, 3000)));
    else if (choice < 0.75) {
      const message = someText(random);
      assert.equal(store.broadcast("all", message), parties.length);
      for (const each of parties) each.note(message);
    } else if (choice < 0.95) party.ping();
    else party.sendStream([random.bytes(10), random.bytes(random.int(0, 5000)), random.bytes(1)]);
  }
}

/** Reads as much as comes at once, then nothing for a moment. */
function readSlowly({ client }: RawWebSocket): void {
  client.socket.on("data", () => {
    client.pause();
    setTimeout(() => client.resume(), 1);
  });
  client.resume();
}

const seed = seedFromEnvironment();

for (const way of ["a send that closes", "close()"]) {
  test(`a slow, a compressed and a TLS client get every frame in its place, and the Close last, by ${way} (seed ${seed}) [C25] [C115] [C126]`, async (t) => {
    const random = new Random(seed);
    const parties = await openParties(t);
    const [slow] = parties;
    assert.ok(slow !== undefined);
    // The clock stands still, lest broadcasts spread over turns, where they may be overtaken.
    t.mock.method(performance, "now", () => 1);
    slow.client.client.pause();
    for (let step = 0; step < 300; step++) {
      act(parties, random);
      for (let turns = random.int(1, 3); turns > 0; turns--) await nextTurn();
    }
    assert.ok(slow.mostBuffered > mebibyte, `${slow.mostBuffered} bytes waited for the slow client`);
    readSlowly(slow.client);
    for (const party of parties) {
      for (let count = 0; count < 5; count++) party.ping();
      if (way === "close()") {
        await party.channel.flushed();
        party.send("the last message");
        assert.equal(party.channel.close(4321), true);
      } else party.send("the last message", { close: true });
      party.ping();
      assert.equal(party.channel.send("behind the end"), false);
    }
    assert.equal(store.broadcast("all", "behind the end"), way === "close()" ? 0 : store.size("all"));
    for (const party of parties) await party.checkWire(way === "close()" ? 4321 : 1000);
  });
}

/** A channel and its client, and how often and with what the socket was written. */
async function watchedWrites(
  t: TestContext,
  options: ServeOptions = {},
): Promise<{ channel: Channel; client: RawWebSocket; writes: () => Buffer[] }> {
  const log = new Recorder();
  const { port } = await setServer(t, (request) => withChannel(request, (channel) => log.record("open", channel)), {
    compression: true,
    ...options,
  });
  const client = await openWebSocket(port, "/", offer);
  const channel = (await log.waitFor("open")).args[0] as Channel;
  await channel.flushed();
  const written = t.mock.method(Socket.prototype, "write").mock;
  const writes = (): Buffer[] => written.calls.map(({ arguments: [bytes] }): unknown => bytes).filter(isFromServer);
  return { channel, client, writes };
}

/** Frames of a server are not masked; those that the client of a test writes are. */
function isFromServer(bytes: unknown): bytes is Buffer {
  return Buffer.isBuffer(bytes) && ((bytes[1] ?? 0xff) & 0x80) === 0;
}

test("all of a turn, compressed messages and the Close too, leaves in one write at its end [C25]", async (t) => {
  const { channel, client, writes } = await watchedWrites(t);
  const long = "a long text ".repeat(500);
  channel.send("first");
  channel.send(long);
  await Promise.resolve();
  channel.send(Buffer.alloc(2000, 7));
  assert.equal(writes().length, 0, "nothing leaves before the end of the turn");
  channel.send("last", { close: true });
  await nextTurn();
  const [written = Buffer.alloc(0), ...others] = writes();
  assert.equal(others.length, 0, "one write");
  const { frames: left } = frames.parseServerFrames(written);
  assert.deepEqual(
    left.map(({ rsv, opcode }) => [rsv, opcode]),
    [
      [0, frames.opcodes.text],
      [4, frames.opcodes.text],
      [4, frames.opcodes.binary],
      [0, frames.opcodes.text],
      [0, frames.opcodes.close],
    ],
  );
  client.sendClose(1000);
  await client.client.waitForEnd();
});

test("the answers to messages that came together, compressed or not, leave in one write [C25]", async (t) => {
  const { channel, client, writes } = await watchedWrites(t);
  channel.onReceive((message) => void channel.send(message));
  client.send(
    frames.text("plain"),
    frames.text(deflateMessage("compressed"), { rsv: 4 }),
    frames.ping("ping"),
    frames.text(deflateMessage("again"), { rsv: 4 }),
  );
  const answers: string[] = [];
  for (let count = 0; count < 4; count++) answers.push((await client.nextFrame()).payload.toString());
  assert.deepEqual(answers, ["plain", "compressed", "ping", "again"]);
  assert.equal(writes().length, 1);
});

test("a single message leaves at the end of its turn: no timer runs before [C25]", async (t) => {
  const { channel, client, writes } = await watchedWrites(t);
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  channel.send("alone");
  await nextTurn();
  assert.equal(writes().length, 1);
  t.mock.timers.reset();
  assert.equal(await client.nextMessage(), "alone");
});

test("what waits for the end of the turn counts: the send over the hard limit is an overflow [C127]", async (t) => {
  const { channel, client, writes } = await watchedWrites(t, {
    limits: { maxBufferedBytes: 10_000, softBufferedBytes: mebibyte },
  });
  const noise = new Random(3).bytes(996);
  for (let count = 1; count <= 10; count++) {
    assert.equal(channel.send(noise), true);
    assert.equal(channel.bufferedAmount, count * 1000);
  }
  assert.equal(channel.send("x"), false);
  assert.equal(channel.isOpen, false);
  assert.equal(writes().length, 0);
  for (let count = 0; count < 10; count++) assert.deepEqual(await client.nextMessage(), noise);
  await client.expectClose(1013);
});
