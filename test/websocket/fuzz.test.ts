import assert from "node:assert/strict";
import { it } from "node:test";
import { type ChannelError, serve, withChannel } from "../../src/index.ts";
import { close, opcodes, parseClosePayload, parseServerFrames } from "../support/frames.ts";
import { Random, roundsFromEnvironment, seedFromEnvironment } from "../support/random.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { mutatedFrames } from "./mutated-frames.ts";

const rounds = roundsFromEnvironment(1500);
const hourMs = 3_600_000;
/** The codes below 3000 that may stand in a Close frame. */
const assigned: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);

it(
  "whatever bytes a client sends, it gets whole frames and at most one Close, and nothing else breaks [C104–C119]",
  { timeout: hourMs },
  async (t) => {
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
      {
        port: 0,
        // A fault of a peer is not kept: its stack holds the connection, of which there are hundreds of thousands.
        onError: (error) => error.code === "PEER_FAULT" || faults.push(error),
        limits: { lingerTimeoutMs: 1000 },
      },
    );
    for (let done = 0; done < rounds; done += 25) {
      await Promise.all(Array.from({ length: 25 }, () => converse(server.port, mutatedFrames(random), random)));
    }
    assert.equal(await server.stop({ timeoutMs: 2000 }), true);
    assert.equal(closed, rounds);
    assert.deepEqual(faults, []);
  },
);

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
