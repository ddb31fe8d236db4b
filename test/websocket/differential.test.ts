import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { it, type TestContext } from "node:test";
import { WebSocketServer } from "ws";
import { withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { close, opcodes, parseClosePayload, parseServerFrames } from "../support/frames.ts";
import { Random, roundsFromEnvironment, seedFromEnvironment } from "../support/random.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { mutatedFrames } from "./mutated-frames.ts";

const rounds = roundsFromEnvironment(1500);
const hourMs = 3_600_000;
const atOnce = 25;
const maxMessageBytes = 1024 * 1024;

/** What a server makes of the bytes of a client: what it echoes and answers, and the code of its Close. */
type Verdict = { readonly frames: readonly string[]; readonly code: number | undefined };

it(
  "whatever bytes a client sends, a channel makes of them what ws makes of them [C104–C119]",
  { timeout: hourMs },
  async (t) => {
    const seed = seedFromEnvironment();
    t.diagnostic(`CHANNELKIT_SEED=${seed}`);
    const random = new Random(seed);
    const ours = await setEcho(t);
    const theirs = await setPeer(t);
    for (let done = 0; done < rounds; done += atOnce) {
      const inputs = Array.from({ length: atOnce }, () => mutatedFrames(random));
      await Promise.all(
        inputs.map(async (bytes) => {
          const [verdict, expected] = await Promise.all([verdictOf(ours, bytes), verdictOf(theirs, bytes)]);
          assert.deepEqual(verdict, expected, `CHANNELKIT_SEED=${seed}, sent ${bytes.toString("hex")}`);
        }),
      );
    }
  },
);

async function setEcho(t: TestContext): Promise<number> {
  const { port } = await setServer(
    t,
    (request) => withChannel(request, (channel) => channel.onReceive((message) => void channel.send(message))),
    { limits: { lingerTimeoutMs: 1000, maxMessageBytes } },
  );
  return port;
}

async function setPeer(t: TestContext): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: maxMessageBytes });
  server.on("connection", (socket) => {
    // What it reports is in its verdict, too.
    socket.on("error", () => undefined);
    socket.on("message", (data, binary) => socket.send(data as Buffer, { binary }));
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function verdictOf(port: number, bytes: Buffer): Promise<Verdict> {
  const socket = await openWebSocket(port);
  socket.send(bytes, close(1000));
  socket.client.end();
  const { frames } = parseServerFrames(await socket.client.readToEnd());
  socket.client.destroy();
  const last = frames.at(-1);
  const code = last?.opcode === opcodes.close ? parseClosePayload(last.payload).code : undefined;
  const others = frames.filter(({ opcode }) => opcode !== opcodes.close);
  return { frames: others.map(({ opcode, payload }) => `${opcode} ${payload.toString("hex")}`), code };
}
