import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type Channel, type Limits, type Server, serve, withChannel } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { binary, continuation, parseServerFrames, ping, pong, text } from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openDescriptors } from "../support/resources.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

const mebibyte = 1024 * 1024;

describe("a WebSocket client that floods", () => {
  let server: Server;
  const log = new Recorder();
  let channel: Channel;
  let mostBuffered = 0;
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
    mostBuffered = 0;
  });

  async function open(limits: Partial<Limits>): Promise<RawWebSocket> {
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          channel = taken;
          const note = (): void => void (mostBuffered = Math.max(mostBuffered, taken.bufferedAmount));
          taken.onPing(note);
          taken.onReceive((message) => {
            taken.send(message);
            note();
          });
          taken.onClose((status, { code }) => log.record("close", status, code));
        }),
      { port: 0, limits, onError: () => undefined },
    );
    return openWebSocket(server.port);
  }

  for (const [what, frame] of [
    ["with pings", ping(Buffer.alloc(125))],
    ["with messages to an echo", binary(Buffer.alloc(1000))],
  ] as const) {
    it(`${what} and reads no answer is cut off at maxBufferedBytes, as overflow [C124, C127]`, async () => {
      const socket = await open({ maxBufferedBytes: mebibyte, closeTimeoutMs: 100, pingIntervalMs: 0 });
      socket.client.pause();
      const burst = Buffer.concat(Array.from({ length: 500 }, () => frame));
      for (let sent = 0; sent < 64 * mebibyte && channel.isOpen; sent += burst.length) {
        await new Promise<void>((resolve) => void socket.client.socket.write(burst, () => resolve()));
      }
      assert.deepEqual((await log.waitFor("close")).args, ["overflow", 1013]);
      assert.ok(mostBuffered > mebibyte / 2 && mostBuffered <= mebibyte, `${mostBuffered} bytes`);
      assert.equal(channel.send("late"), false);
      socket.client.resume();
      await socket.waitForEnd();
    });
  }

  it("with pings and reads the answers gets each of them [C111, C125]", async () => {
    const socket = await open({});
    const count = 20_000;
    const burst = Buffer.concat(Array.from({ length: 200 }, (_, index) => ping(`${index}`)));
    for (let sent = 0; sent < count; sent += 200) socket.send(burst);
    const wire = await socket.client.readBytes(answerBytes() * (count / 200), { timeoutMs: 10_000 });
    const { frames, rest } = parseServerFrames(wire);
    assert.equal(rest.length, 0);
    assert.deepEqual(
      frames.map(({ payload }) => payload.toString()),
      Array.from({ length: count }, (_, index) => `${index % 200}`),
    );
  });

  it("with pongs and empty fragments costs nothing and gets nothing [C111]", async () => {
    const socket = await open({});
    const burst = Buffer.concat(Array.from({ length: 500 }, () => pong("x")));
    for (let times = 0; times < 100; times++) socket.send(burst);
    socket.sendText("still here");
    assert.equal(await socket.nextMessage(), "still here");
    assert.equal(channel.bufferedAmount, 0);
  });

  it("with a frame in more pieces than maxBufferedChunks is refused with 1008 [C110]", async () => {
    const socket = await open({ maxBufferedChunks: 50 });
    const frame = binary(Buffer.alloc(5000));
    await socket.client.writeByteByByte(frame.subarray(0, 40));
    socket.send(frame.subarray(40));
    assert.deepEqual(await socket.nextMessage(), Buffer.alloc(5000), "in fewer it is taken");
    await socket.client.writeByteByByte(frame.subarray(0, 100));
    await socket.expectCloseAndEnd(1008);
    assert.deepEqual((await log.waitFor("close")).args, ["policy-violation", 1008]);
  });

  it("with fragments that never end is refused with 1008, however small they are [C108, C110]", async () => {
    const socket = await open({});
    socket.send(text("", { fin: false }));
    const burst = Buffer.concat(Array.from({ length: 100 }, () => continuation("", { fin: false })));
    for (let times = 0; times < 20; times++) socket.send(burst);
    await socket.expectCloseAndEnd(1008);
  });

  it("is bounded also by limits that ws would cut to 32 bits, which makes none of them [C110]", async () => {
    const socket = await open({
      maxMessageBytes: 2 ** 32 + 5,
      maxFragments: 2 ** 32 + 1,
      maxBufferedChunks: 2 ** 32 + 1,
    });
    const frame = Buffer.concat([text("0123456", { fin: false }), continuation("789")]);
    await socket.client.writeByteByByte(frame);
    assert.equal(await socket.nextMessage(), "0123456789", "5 bytes, 1 fragment and 1 chunk would be too few");
    socket.send(binary("", { lengthEncoding: "64", declaredLength: 2n ** 31n }));
    await socket.expectCloseAndEnd(1009);
  });

  it("with connections that come and go leaves no descriptor behind [C122]", async () => {
    await open({ closeTimeoutMs: 100, lingerTimeoutMs: 100 });
    const before = openDescriptors();
    for (let round = 0; round < 10; round++) {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => openWebSocket(server.port)));
      for (const [index, socket] of sockets.entries()) leave(socket, index);
    }
    await log.waitFor("close", { count: 200 });
    destroyOpenClients();
    await eventually(() => assert.ok(openDescriptors() <= before));
  });

  function leave(socket: RawWebSocket, index: number): void {
    if (index % 5 === 0) socket.sendClose(1000);
    else if (index % 5 === 1) socket.client.reset();
    else if (index % 5 === 2) socket.client.end();
    else if (index % 5 === 3) socket.send("garbage");
    else channel.close();
    if (index % 5 === 4) socket.client.destroy();
  }
});

/** Of the answers to pings with the payloads "0" to "199". */
function answerBytes(): number {
  return Array.from({ length: 200 }, (_, index) => 2 + `${index}`.length).reduce((sum, bytes) => sum + bytes, 0);
}
