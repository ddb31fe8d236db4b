import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { inspect } from "node:util";
import {
  type Channel,
  type ChannelError,
  isChannelError,
  type Limits,
  type Server,
  serve,
  withChannel,
} from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { close, opcodes, ping, text } from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

describe("a WebSocket channel", () => {
  let server: Server;
  const log = new Recorder();
  let channel: Channel;
  let faults: ChannelError[] = [];
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
    faults = [];
  });

  async function open(
    use: (channel: Channel) => void = () => undefined,
    limits: Partial<Limits> = {},
  ): Promise<RawWebSocket> {
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          channel = taken;
          channel.onClose((status) => log.record("close", status));
          use(channel);
        }),
      { port: 0, limits, onError: (error) => faults.push(error) },
    );
    return openWebSocket(server.port);
  }

  it("writes whole frames, not masked, without reserved bits, with the shortest length [C116]", async () => {
    const socket = await open();
    for (const [size, headerBytes] of [0, 1, 125, 126, 65_535, 65_536, 200_000].map((bytes) => [
      bytes,
      bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10,
    ]) as [number, number][]) {
      for (const [data, opcode] of [
        ["*".repeat(size), opcodes.text],
        [Buffer.alloc(size, 0xfe), opcodes.binary],
      ] as const) {
        channel.send(data);
        const { payload, bytes, ...rest } = await socket.nextFrame();
        assert.deepEqual(rest, { fin: true, rsv: 0, opcode, masked: false, headerBytes }, `${size} bytes`);
        assert.ok(payload.equals(Buffer.from(data)));
        assert.equal(bytes.length, headerBytes + size);
      }
    }
  });

  it("writes text as UTF-8 with the length of its bytes, whatever its characters [C116]", async () => {
    const socket = await open();
    for (const unit of ["a", "é", "€", "🎈"]) {
      for (let length = 38; length <= 45; length++) {
        const message = unit.repeat(length);
        channel.send(message);
        assert.equal(await socket.nextMessage(), message);
      }
    }
  });

  it("sends a surrogate that stands alone as U+FFFD, so that the text is valid UTF-8 [C109, C116]", async () => {
    const socket = await open();
    channel.send("a\ud800b");
    assert.equal(await socket.nextMessage(), "a\ufffdb");
    channel.send(`${"x".repeat(60)}\udfff`);
    assert.equal(await socket.nextMessage(), `${"x".repeat(60)}\ufffd`);
  });

  it("sends text as text and anything else as bytes [C85, C116]", async () => {
    const socket = await open();
    channel.send("text");
    channel.send(Buffer.from("buffer"));
    channel.send(new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
    channel.send(new Uint8Array([5, 6]).buffer);
    channel.send(new Blob(["blob"]));
    channel.send(["a", 1, true]);
    channel.send(["a", Buffer.from("b")]);
    assert.equal(await socket.nextMessage(), "text");
    assert.deepEqual(await socket.nextMessage(), Buffer.from("buffer"));
    assert.deepEqual(await socket.nextMessage(), Buffer.of(2, 3));
    assert.deepEqual(await socket.nextMessage(), Buffer.of(5, 6));
    assert.deepEqual(await socket.nextMessage(), Buffer.from("blob"));
    assert.equal(await socket.nextMessage(), "a1true");
    assert.deepEqual(await socket.nextMessage(), Buffer.from("ab"));
  });

  it("sends only the body of { status, headers, body }, and nothing for null [C20, C22]", async () => {
    const socket = await open();
    assert.equal(channel.send({ status: 500, headers: { "X-A": "1" }, body: "m" }), true);
    assert.equal(channel.send(null), true);
    assert.equal(channel.send({}), true);
    assert.equal(channel.send({ body: null }), true);
    channel.send("n");
    assert.equal(await socket.nextMessage(), "m");
    assert.equal(await socket.nextMessage(), "n");
  });

  it("throws for what cannot be sent, writes nothing, and stays open [C23]", async () => {
    const socket = await open();
    for (const data of [42, true, 10n, { json: 1 }, new Date(), new Map(), Symbol("s"), () => 1]) {
      assert.throws(
        () => channel.send(data as unknown as string),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
        inspect(data),
      );
    }
    assert.equal(channel.isOpen, true);
    channel.send("good");
    assert.equal(await socket.nextMessage(), "good");
  });

  it("gives text as a string and bytes as a Uint8Array, each its own copy or left alone [C85]", async () => {
    const socket = await open((taken) => taken.onReceive(log.as("receive")));
    socket.send(text("one"), text(""), text("\ufeffé"));
    socket.sendBinary(Buffer.of(1, 2, 3));
    socket.sendBinary("");
    await log.waitFor("receive", { count: 5 });
    const [one, empty, mark, bytes, none] = log.of("receive").map(({ args }) => args[0]);
    assert.deepEqual([one, empty, mark], ["one", "", "\ufeffé"]);
    assert.ok(bytes instanceof Uint8Array && none instanceof Uint8Array);
    assert.deepEqual([[...bytes], [...none]], [[1, 2, 3], []]);
  });

  it("answers a ping first, then tells the ping handler, with the bytes [C113]", async () => {
    const socket = await open((taken) => {
      taken.onPing((data) => {
        log.record("ping", Buffer.from(data).toString("hex"));
        taken.send("pinged");
      });
    });
    socket.sendPing(Buffer.of(0xff, 0, 1));
    const pong = await socket.nextFrame();
    assert.equal(pong.opcode, opcodes.pong);
    assert.deepEqual(pong.payload, Buffer.of(0xff, 0, 1));
    assert.equal(await socket.nextMessage(), "pinged");
    assert.deepEqual(log.of("ping")[0]?.args, ["ff0001"]);
  });

  it("reports a ping handler that throws or rejects, and goes on [C83, C113]", async () => {
    let count = 0;
    const socket = await open((taken) => {
      taken.onPing(() => {
        count += 1;
        if (count === 1) throw new Error("thrown");
        return Promise.reject(new Error("rejected"));
      });
    });
    socket.send(ping("1"), ping("2"), ping("3"));
    for (const payload of ["1", "2", "3"]) assert.equal((await socket.nextFrame()).payload.toString(), payload);
    assert.equal(channel.isOpen, true);
    assert.deepEqual(
      faults.map(({ code, details }) => [code, "handler" in details && details.handler]),
      Array.from({ length: 3 }, () => ["HANDLER_FAILED", "onPing"]),
    );
  });

  it("sends all that is sent in one turn in one write, in order, between messages of any handler [C25]", async () => {
    const socket = await open((taken) =>
      taken.onReceive((message) => {
        taken.send(`${String(message)} a`);
        taken.send(`${String(message)} b`);
      }),
    );
    socket.send(text("1"), text("2"), close(1000));
    for (const expected of ["1 a", "1 b", "2 a", "2 b"]) assert.equal(await socket.nextMessage(), expected);
    await socket.expectCloseAndEnd(1000);
  });

  it("works the same over TLS [C93, C115, C118]", async () => {
    server = await serve(
      (request) =>
        withChannel(request, (taken) => {
          taken.onReceive((message) => void taken.send(message));
          taken.onClose((status) => log.record("close", status));
        }),
      { port: 0, tls: selfSignedCertificate() },
    );
    const socket = await openWebSocket(server.port, "/", { connect: { tls: true }, firstFrames: text("early") });
    assert.equal(await socket.nextMessage(), "early");
    socket.sendBinary(Buffer.alloc(300_000, 7));
    assert.deepEqual(await socket.nextMessage(), Buffer.alloc(300_000, 7));
    socket.sendClose(1000, "done");
    await socket.expectCloseAndEnd(1000, { reason: "done" });
    assert.deepEqual((await log.waitFor("close")).args, ["normal"]);
  });
});
