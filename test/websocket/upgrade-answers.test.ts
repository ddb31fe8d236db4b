import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  type Channel,
  type ChannelError,
  type RequestHandler,
  type Server,
  serve,
  type ServeOptions,
  withChannel,
} from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import { close, ping, text } from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";

describe("a handler that is asked for a WebSocket", () => {
  let server: Server;
  const log = new Recorder();
  let faults: ChannelError[] = [];
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
    faults = [];
  });

  async function start(handler: RequestHandler, options: ServeOptions = {}): Promise<void> {
    server = await serve(handler, { port: 0, onError: (error) => faults.push(error), ...options });
  }

  function record(channel: Channel): void {
    channel.onReceive(log.as("receive"));
    channel.onClose((status) => log.record("close", status));
  }

  it("refuses it with the very response that it returns; the connection closes and no frame is read [C98]", async () => {
    const handler: RequestHandler = () =>
      new Response("who are you?", { status: 401, headers: { "X-Why": "no cookie" } });
    await start(handler);
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    client.write(text("early"));
    const response = await client.readResponse();
    assert.equal(response.status, 401);
    assert.equal(response.text, "who are you?");
    assert.equal(response.header("x-why"), "no cookie");
    assert.equal(response.header("connection")?.toLowerCase(), "close");
    assert.equal(response.header("upgrade"), undefined);
    await client.expectEnd();
  });

  it("refuses it with 2 MB, all of which arrive, and what the client sends meanwhile is never dispatched [C98, C126]", async () => {
    let handled = 0;
    await start(() => {
      handled += 1;
      return new Response("x".repeat(2_000_000), { status: 403 });
    });
    const client = await connectRaw(server.port);
    client.pause();
    client.write(handshakeRequest());
    client.write("GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.resume();
    client.write("GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const response = await client.readResponse({ timeoutMs: 20_000 });
    assert.equal(response.status, 403);
    assert.equal(response.complete, true);
    assert.equal(response.body.length, 2_000_000);
    await client.expectEnd();
    assert.equal(handled, 1);
  });

  it("that throws, refuses it with 500 and tells nothing of the reason [C128, C131]", async () => {
    await start(() => {
      throw new Error("secret reason");
    });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.ok(!response.text.includes("secret"));
    await client.expectEnd();
  });

  it("that takes the channel and returns another response, writes only that; what was sent is dropped [C8, C103]", async () => {
    let taken: Channel | undefined;
    await start((request) => {
      withChannel(request, (channel) => {
        taken = channel;
        record(channel);
        assert.equal(channel.send("into the void"), true);
      });
      return new Response("changed my mind", { status: 409 });
    });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    const response = await client.readResponse();
    assert.equal(response.status, 409);
    assert.equal(response.text, "changed my mind");
    await client.expectEnd();
    assert.equal(client.received.toString("latin1").split("HTTP/1.1").length, 2, "one status line");
    assert.equal(taken?.isOpen, false);
    assert.equal(taken?.send("ghost"), false);
    assert.deepEqual((await log.waitFor("close")).args, ["server-close"]);
    assert.deepEqual(
      faults.map(({ code }) => code),
      ["ANSWERED_TWICE"],
    );
  });

  it("that takes the channel, closes it, and answers otherwise, may take longer than closeTimeoutMs to be read [C8, C98]", async () => {
    const body = deferred<undefined>();
    await start(
      (request) => {
        withChannel(request, (channel) => void channel.close());
        const stream = new ReadableStream<Uint8Array>({
          pull: async (controller) => {
            await body.promise;
            controller.enqueue(Buffer.from("in the end"));
            controller.close();
          },
        });
        return new Response(stream, { status: 409 });
      },
      { limits: { closeTimeoutMs: 50 } },
    );
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    assert.equal((await client.readHead()).status, 409);
    await client.expectNothing(150);
    body.resolve(undefined);
    assert.equal((await client.readChunk()).toString(), "in the end");
    assert.equal((await client.readChunk()).length, 0);
  });

  it("that takes the channel, closes it, and takes longer than closeTimeoutMs, still gets its 101 and Close out [C11]", async () => {
    const gate = deferred();
    await start(
      async (request) => {
        const response = withChannel(request, (channel) => void channel.close(4000));
        await gate.promise;
        return response;
      },
      { limits: { closeTimeoutMs: 50 } },
    );
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    await client.expectNothing(150);
    gate.resolve();
    assert.equal((await client.readHead()).status, 101);
    assert.deepEqual(await client.readToEnd(), close(4000, "", { mask: false }));
  });

  it("that takes the channel and throws, writes only a 500, and the channel is closed [C8, C131]", async () => {
    let taken: Channel | undefined;
    await start((request) => {
      withChannel(request, (channel) => {
        taken = channel;
        record(channel);
      });
      throw new Error("secret reason");
    });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    assert.equal((await client.readResponse()).status, 500);
    await client.expectEnd();
    assert.equal(taken?.send("ghost"), false);
    assert.deepEqual((await log.waitFor("close")).args, ["server-close"]);
  });

  it("whose sends all follow the 101, in order, also a closing one [C11, C103]", async () => {
    await start((request) =>
      withChannel(request, (channel) => {
        channel.send("welcome");
        channel.send("and good bye", { close: true });
      }),
    );
    const socket = await openWebSocket(server.port);
    assert.equal(await socket.nextMessage(), "welcome");
    assert.equal(await socket.nextMessage(), "and good bye");
    await socket.expectClose(1000);
  });

  it("that takes its time: the 101 waits for it, and what the client sends meanwhile arrives once it is done [C10, C13]", async () => {
    const gate = deferred();
    await start(async (request) => {
      const response = withChannel(request, (channel) => {
        record(channel);
        channel.send("welcome");
      });
      await gate.promise;
      return response;
    });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    client.write(text("early"));
    await client.expectNothing(100);
    client.write(text("still early"));
    assert.deepEqual(log.names(), []);
    gate.resolve();
    assert.equal((await client.readHead()).status, 101);
    assert.equal((await client.readBytes(9)).subarray(2).toString(), "welcome");
    await log.waitFor("receive", { count: 2 });
    assert.deepEqual(
      log.entries.map(({ args }) => args[0]),
      ["early", "still early"],
    );
  });

  it("that takes its time: a Close among what the client sent meanwhile ends it, and what follows is no fault [C10, C114]", async () => {
    const gate = deferred();
    await start(async (request) => {
      await gate.promise;
      return withChannel(request, record);
    });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    for (const frame of [text("one"), close(1000), ping(), text("late")]) {
      client.write(frame);
      await client.expectNothing(20);
    }
    gate.resolve();
    assert.equal((await client.readHead()).status, 101);
    assert.deepEqual(await client.readToEnd(), close(1000, "", { mask: false }));
    await log.waitFor("close");
    assert.deepEqual(log.names(), ["receive", "close"]);
    assert.deepEqual(faults, []);
  });

  it("whose `use` sets the receive handler later: messages wait for it [C10]", async () => {
    const gate = deferred();
    await start((request) =>
      withChannel(request, async (channel) => {
        await gate.promise;
        record(channel);
      }),
    );
    const socket = await openWebSocket(server.port, "/", { firstFrames: text("early") });
    await socket.expectNothing(50);
    gate.resolve();
    assert.deepEqual((await log.waitFor("receive")).args, ["early"]);
  });

  it("whose `use` rejects: 1011, and the reason goes to onError only [C130]", async () => {
    await start((request) =>
      withChannel(request, async (channel) => {
        record(channel);
        await Promise.resolve();
        throw new Error("secret reason");
      }),
    );
    const socket = await openWebSocket(server.port);
    await socket.expectClose(1011, { reason: "" });
    assert.deepEqual((await log.waitFor("close")).args, ["server-close"]);
    assert.equal(faults[0]?.code, "HANDLER_FAILED");
  });
});
