import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { binary, close, continuation, frame, ping, pong, text } from "../support/frames.ts";
import { acceptValue, handshakeRequest, sampleKey } from "../support/handshake.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { startEchoServer } from "./echo-server.ts";
import { fewAtATime } from "./few-at-a-time.ts";
import { echo } from "./frame-case.ts";

const unmasked = { mask: false };
const bye = close(1000, "", unmasked);
const failure = (code: number): Buffer => close(code, "", unmasked);
const letters = "abcdefghij".repeat(13);

/** What is sent, and everything that comes back up to the end. */
const conversations: readonly (readonly [what: string, sent: Buffer, received: Buffer])[] = [
  ["a short text frame", Buffer.concat([text("Hello"), close(1000)]), Buffer.concat([echo("Hello"), bye])],
  ["a frame with 16 bits of length", Buffer.concat([text(letters), close(1000)]), Buffer.concat([echo(letters), bye])],
  [
    "a frame with 64 bits of length",
    Buffer.concat([binary("12345", { lengthEncoding: "64" }), close(1000)]),
    Buffer.concat([echo(Buffer.from("12345")), bye]),
  ],
  [
    "fragments around a ping, a pong and characters of several bytes",
    Buffer.concat([
      text(Buffer.of(0xe2, 0x82), { fin: false }),
      ping("now"),
      continuation(Buffer.of(0xac), { fin: false }),
      pong(),
      continuation("🎈"),
      close(4000, "why"),
    ]),
    Buffer.concat([pong("now", unmasked), echo("€🎈"), close(4000, "why", unmasked)]),
  ],
  ["an empty Close", Buffer.concat([text(""), close()]), Buffer.concat([echo(""), close(undefined, "", unmasked)])],
  ["a reserved opcode", Buffer.concat([text("a"), frame({ opcode: 3 })]), Buffer.concat([echo("a"), failure(1002)])],
  ["bad UTF-8", text(Buffer.of(0xed, 0xa0, 0x80)), failure(1007)],
  ["a Close with a bad code", Buffer.concat([ping(), close(1005)]), Buffer.concat([pong("", unmasked), failure(1002)])],
  ["a frame that is too long", text("", { lengthEncoding: "64", declaredLength: 1n << 40n }), failure(1009)],
];

describe("however the bytes are cut", () => {
  let server: Awaited<ReturnType<typeof startEchoServer>>;
  before(async () => {
    server = await startEchoServer();
  });
  after(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  });

  for (const [what, sent, received] of conversations) {
    it(`${what} is read the same, split at each byte [C115]`, async () => {
      await fewAtATime(range(1, sent.length - 1), async (index) => {
        const { client } = await openWebSocket(server.port);
        await client.writeSplit(sent, index);
        assert.deepEqual(await client.readToEnd(), received, `split at ${index}`);
        client.destroy();
      });
    });
  }

  it("a handshake with a frame behind it is read the same, split at each byte [C10, C93, C115]", async () => {
    const headers = { Connection: "keep-alive, Upgrade", Cookie: "a=b" };
    const sent = Buffer.concat([Buffer.from(handshakeRequest({ headers })), text("early"), close(1000)]);
    const rest = Buffer.concat([echo("early"), bye]);
    await fewAtATime(range(1, sent.length - 1), async (index) => {
      const client = await connectRaw(server.port);
      await client.writeSplit(sent, index);
      const head = await client.readHead();
      assert.equal(head.status, 101, `split at ${index}`);
      assert.equal(head.header("sec-websocket-accept"), acceptValue(sampleKey));
      assert.deepEqual(await client.readToEnd(), rest, `split at ${index}`);
      client.destroy();
    });
  });

  it("a handshake with frames behind it is read the same, a segment for each byte [C10, C93, C115]", async () => {
    const client = await connectRaw(server.port);
    await client.writeByteByByte(
      Buffer.concat([Buffer.from(handshakeRequest()), text("early"), ping("x"), close(1000)]),
    );
    assert.equal((await client.readHead()).status, 101);
    assert.deepEqual(await client.readToEnd(), Buffer.concat([echo("early"), pong("x", unmasked), bye]));
  });

  it("a frame of 200 KB is read the same in random slices [C115]", async (t) => {
    const seed = seedFromEnvironment();
    t.diagnostic(`CHANNELKIT_SEED=${seed}`);
    const random = new Random(seed);
    const message = random.bytes(200_000);
    const socket = await openWebSocket(server.port);
    for (const slice of random.slices(binary(message), 5000)) socket.send(slice);
    assert.deepEqual(await socket.nextMessage(), message);
  });

  it("random frames in random slices come back in order [C25, C115]", async (t) => {
    const seed = seedFromEnvironment();
    t.diagnostic(`CHANNELKIT_SEED=${seed}`);
    const random = new Random(seed);
    const messages = Array.from({ length: 300 }, () => random.bytes(random.pick([0, 1, 5, 125, 126, 300, 70_000])));
    const socket = await openWebSocket(server.port);
    const wire = Buffer.concat(messages.map((message) => inFragments(message, random)));
    for (const slice of random.slices(wire, 30_000)) socket.send(slice);
    for (const message of messages) assert.deepEqual(await socket.nextMessage(), message);
  });
});

function inFragments(message: Buffer, random: Random): Buffer {
  if (random.chance(0.5)) return binary(message, { mask: random.bytes(4) });
  const parts = [...random.slices(message, Math.ceil(message.length / 3) + 1), Buffer.alloc(0)];
  return Buffer.concat(
    parts.map((part, index) => {
      const options = { fin: index === parts.length - 1, mask: random.bytes(4) };
      const between = random.chance(0.2) ? pong("unsolicited") : Buffer.alloc(0);
      return Buffer.concat([index === 0 ? binary(part, options) : continuation(part, options), between]);
    }),
  );
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
