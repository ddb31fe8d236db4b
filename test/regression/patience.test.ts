import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Channel, createListeners, serve, withChannel } from "../../src/index.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { text } from "../support/frames.ts";

afterEach(() => destroyOpenClients());

async function* never(): AsyncGenerator<string> {
  await new Promise(() => undefined);
  yield "never";
}

async function* slow(pauseMs: number): AsyncGenerator<string> {
  await delay(pauseMs);
  yield "late";
}

for (const how of ["a stream sent on a channel", "a returned response"] as const) {
  test(`The head does not wait for a slow first piece of ${how} [C37]`, async () => {
    const server = await serve(
      (request) => {
        if (how === "a stream sent on a channel") {
          return withChannel(request, (channel) => channel.send({ headers: { "X-A": "b" }, body: slow(600) }));
        }
        const body = ReadableStream.from(slow(600)).pipeThrough(new TextEncoderStream());
        return new Response(body, { headers: { "X-A": "b" } });
      },
      { port: 0 },
    );
    const client = await connectRaw(server.port);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const head = await client.readHead({ timeoutMs: 400 });
    assert.equal(head.header("x-a"), "b");
    assert.equal((await client.readChunk()).toString(), "late");
    assert.equal((await client.readChunk()).length, 0);
    await server.stop();
  });
}

test("At the deadline of a stop every close handler has been called, even that of a channel whose receive handler never ends [C138]", async () => {
  const log = new Recorder();
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        channel.onReceive(() => {
          log.record("message");
          return new Promise(() => undefined);
        });
        channel.onClose((status) => log.record("close", status));
      }),
    { port: 0 },
  );
  const client = await openWebSocket(server.port);
  client.send(text("hold"));
  await log.waitFor("message");
  await server.stop({ timeoutMs: 200 });
  assert.deepEqual(
    log.of("close").map(({ args }) => args),
    [["server-close"]],
  );
});

test("A body that is still on its way at the deadline of a stop ends as server-close [C138]", async () => {
  const log = new Recorder();
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        channel.onClose((status, { code }) => log.record("close", status, code));
        channel.send(never());
        log.record("open");
      }),
    { port: 0 },
  );
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await log.waitFor("open");
  await server.stop({ timeoutMs: 200 });
  assert.deepEqual(
    log.of("close").map(({ args }) => args),
    [["server-close", 1001]],
  );
});

test("Mounted listeners that were stopped answer 503 and run no handler", async () => {
  let calls = 0;
  const listeners = createListeners(() => {
    calls += 1;
    return new Response("served");
  });
  const server = createServer(listeners.request).listen(0, "127.0.0.1");
  server.on("upgrade", listeners.upgrade);
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  await listeners.stop();
  const client = await connectRaw(address.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal((await client.readResponse()).status, 503);
  await client.waitForEnd();
  await assert.rejects(openWebSocket(address.port));
  assert.equal(calls, 0);
  await new Promise((resolve) => server.close(resolve));
});

test("Messages that waited are not handled inside the call that sets their handler [C10]", async () => {
  const log = new Recorder();
  const server = await serve(
    (request) =>
      withChannel(request, async (channel: Channel) => {
        await delay(50);
        channel.onReceive((message) => log.record("message", message));
        log.record("handler set");
      }),
    { port: 0 },
  );
  await openWebSocket(server.port, "/", { firstFrames: text("early") });
  await log.waitFor("message");
  assert.deepEqual(log.names(), ["handler set", "message"]);
  await server.stop();
});
