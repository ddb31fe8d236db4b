import assert from "node:assert/strict";
import { it } from "node:test";
import { type ChannelError, serve, withChannel } from "../../src/index.ts";
import { close, opcodes, parseClosePayload, parseServerFrames } from "../support/frames.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { sections } from "./frame-cases/index.ts";

const rounds = 1500;
/** The codes below 3000 that may stand in a Close frame. */
const assigned: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);

/** The bytes of the table without the long ones, as what is changed. */
const samples = sections
  .flatMap(({ cases }) => cases.map(({ send }) => Buffer.concat(send)))
  .filter(({ length }) => length > 0 && length < 1000);

it("whatever bytes a client sends, it gets whole frames and at most one Close, and nothing else breaks [C104–C119]", async (t) => {
  const seed = seedFromEnvironment();
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const random = new Random(seed);
  const faults: ChannelError[] = [];
  let closed = 0;
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        channel.onReceive((message) => void channel.send(message));
        channel.onClose(() => void (closed += 1));
      }),
    { port: 0, onError: (error) => faults.push(error), limits: { lingerTimeoutMs: 1000 } },
  );
  for (let done = 0; done < rounds; done += 25) {
    await Promise.all(Array.from({ length: 25 }, () => converse(server.port, change(random), random)));
  }
  assert.equal(await server.stop({ timeoutMs: 2000 }), true);
  assert.equal(closed, rounds);
  assert.deepEqual(
    faults.filter(({ code }) => code !== "PEER_FAULT"),
    [],
  );
});

/** Some samples in a row, with some bytes changed, left out or put in. */
function change(random: Random): Buffer {
  const bytes = Array.from(Buffer.concat(Array.from({ length: random.int(1, 4) }, () => random.pick(samples))));
  for (let times = random.int(0, 6); times > 0; times--) {
    const index = random.int(0, bytes.length);
    const how = random.int(0, 2);
    bytes.splice(index, how === 1 ? 0 : 1, ...(how === 0 ? [] : [random.int(0, 255)]));
  }
  return Buffer.from(bytes);
}

async function converse(port: number, sent: Buffer, random: Random): Promise<void> {
  const socket = await openWebSocket(port);
  for (const slice of random.slices(sent, 200)) socket.send(slice);
  socket.send(close(1000));
  socket.client.end();
  const { frames, rest } = parseServerFrames(await socket.client.readToEnd());
  const shown = `sent ${sent.toString("hex")}`;
  assert.equal(rest.length, 0, shown);
  for (const [index, frame] of frames.entries()) {
    assert.ok(frame.fin && !frame.masked && frame.rsv === 0, shown);
    if (frame.opcode !== opcodes.close) continue;
    assert.equal(index, frames.length - 1, shown);
    const { code } = parseClosePayload(frame.payload);
    assert.ok(code === undefined || (code >= 3000 && code < 5000) || assigned.has(code), shown);
  }
  socket.client.destroy();
}
