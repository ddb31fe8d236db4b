import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Channel, type Server, serve, withChannel } from "../../src/index.ts";
import { binary, text } from "../support/frames.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { cpuTimeMs } from "../support/resources.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

const kibibyte = 1024;

/** How a client is when messages come for it: it reads, or what was sent before has filled the buffers on the way. */
const conditions = ["reads", "blocked by a large message", "blocked by small messages"] as const;

/** Larger than the buffers of the kernel on both sides. */
const largeMessage = Buffer.alloc(8 * kibibyte * kibibyte, "b");

/** A client, its channel, and what it has to receive. */
type Pair = { client: RawWebSocket; channel: Channel; expected: (string | Buffer)[] };

describe("messages of many channels that are sent in turns", () => {
  const channels = new Map<string, Channel>();
  let server: Server;
  before(async () => {
    server = await serve(
      (request) => withChannel(request, (channel) => channels.set(new URL(request.url).pathname, channel)),
      { port: 0, limits: { maxBufferedBytes: 256 * kibibyte * kibibyte, pingIntervalMs: 0 } },
    );
  });
  after(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  });

  async function openPair(name: string, condition: (typeof conditions)[number]): Promise<Pair> {
    const client = await openWebSocket(server.port, name);
    const channel = channels.get(name);
    assert.ok(channel !== undefined);
    const pair: Pair = { client, channel, expected: [] };
    if (condition !== "reads") client.client.pause();
    if (condition === "blocked by a large message") send(pair, largeMessage);
    if (condition === "blocked by small messages") await fill(pair);
    return pair;
  }

  it("each arrive whole, once and in order, at clients that read and at clients that do not read yet [C25, C125]", async (t) => {
    const seed = seedFromEnvironment();
    t.diagnostic(`CHANNELKIT_SEED=${seed}`);
    const random = new Random(seed);
    const pairs = await Promise.all(
      Array.from({ length: 12 }, (_, index) => openPair(`/${index}`, conditions[index % 3] ?? "reads")),
    );
    for (let turn = 0; turn < 300; turn++) {
      for (let count = random.int(1, 60); count > 0; count--) {
        send(random.pick(pairs), randomMessage(random));
      }
      await endOfTurn();
    }
    const blocked = pairs.filter(({ channel }) => channel.bufferedAmount > 0);
    assert.equal(blocked.length, 8, "those that do not read still wait");
    await Promise.all(pairs.map((pair) => receiveAll(pair)));
  });

  it("arrive whole where the writes of a turn take longer than its budget and go on in the next one [C25]", async (t) => {
    const pairs = await Promise.all(Array.from({ length: 40 }, (_, index) => openPair(`/long-${index}`, "reads")));
    let nowMs = 0;
    // Each look at the clock finds the budget spent: a turn ends after the first writes.
    t.mock.method(performance, "now", () => (nowMs += 1000));
    for (let turn = 0; turn < 20; turn++) {
      for (const pair of pairs) send(pair, `turn ${turn} of ${pairs.indexOf(pair)}`);
      await endOfTurn();
    }
    t.mock.restoreAll();
    await Promise.all(pairs.map((pair) => receiveAll(pair)));
  });

  for (const [when, messagesPerTurn] of [
    ["in one turn", Infinity],
    ["in many turns", 20],
  ] as const) {
    it(`cost no more for a client that is far behind, sent ${when} [C124, C125]`, async () => {
      const pair = await openPair(`/behind-${messagesPerTurn}`, "blocked by a large message");
      const sendMany = async (count: number): Promise<number> => {
        const beganMs = cpuTimeMs();
        for (let sent = 1; sent <= count; sent++) {
          send(pair, "m".repeat(100));
          if (sent % messagesPerTurn === 0) await endOfTurn();
        }
        return cpuTimeMs() - beganMs;
      };
      const earlyMs = await sendMany(2000);
      await sendMany(20_000);
      const lateMs = await sendMany(2000);
      // Measured: 3 to 20 ms both. When all that waits is copied for each message, the last 2000 take seconds.
      assert.ok(lateMs < 4 * earlyMs + 50, `${earlyMs} ms at first, ${lateMs} ms at last`);
      assert.ok(pair.channel.bufferedAmount > 2 * kibibyte * kibibyte, "all of it waits");
      await receiveAll(pair);
    });
  }
});

function send({ channel, expected }: Pair, message: string | Buffer): void {
  assert.ok(channel.send(message));
  expected.push(message);
}

/** Sends until the last turn's messages went out in part only. */
async function fill(pair: Pair): Promise<void> {
  while (pair.channel.bufferedAmount === 0) {
    for (let count = 0; count < 14; count++) send(pair, `${pair.expected.length}`.repeat(1000).slice(0, 1000));
    await endOfTurn();
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

async function receiveAll({ client, expected }: Pair): Promise<void> {
  const frames = expected.map((message) => (typeof message === "string" ? text : binary)(message, { mask: false }));
  const wanted = Buffer.concat(frames);
  client.client.resume();
  const received = await client.client.readBytes(wanted.length, { timeoutMs: 20_000 });
  // Not `deepEqual`, which would print megabytes.
  assert.ok(received.equals(wanted), `${frames.length} frames of ${wanted.length} bytes`);
}

/** Lengths around those at which a frame has another header, is in a place of its own, or is flushed at once. */
function randomMessage(random: Random): string | Buffer {
  const around = random.pick([0, 20, 41, 63, 125, 128, 1000, 1360, 4090, 5000, 66_000]);
  const length = Math.max(0, around + random.int(-4, 4));
  const letter = random.pick(["a", "ü", "€", "🎈"]);
  const letters = letter.repeat(Math.ceil(length / letter.length)).slice(0, length - (length % letter.length));
  // Longer than any other piece of the suite would be too much of it: most are short.
  if (length > 10_000 && random.chance(0.9)) return letters.slice(0, 100);
  return random.chance(0.3) ? Buffer.from(letters) : letters;
}
