import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { Channel, ChannelError, RequestHandler, ServeOptions, Server } from "../../src/index.ts";
import { serve, turnBudgetMs, withChannel } from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
let server: Server;
let errors: ChannelError[];

const start = async (handler: RequestHandler, options: ServeOptions = {}): Promise<void> => {
  errors = [];
  server = await serve(handler, { port: 0, onError: (error) => void errors.push(error), ...options });
};

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

describe("a client that leaves while its handler is still busy", () => {
  for (const [kind, request, status] of [
    ["HTTP", get, "client-close"],
    ["WebSocket", handshakeRequest(), "abnormal"],
  ] as const) {
    test(`gives the handler a channel that is closed, and no error (${kind}) [C65]`, async () => {
      const log = new Recorder();
      const ready = deferred();
      await start(async (standardRequest) => {
        log.record("handler");
        await ready.promise;
        return withChannel(standardRequest, (channel) => {
          log.record("open", channel.isOpen, channel.send("x"), channel.close());
          channel.onClose(log.as("close"));
        });
      });
      const client = await connectRaw(server.port);
      client.write(request);
      await log.waitFor("handler");
      client.reset();
      await delay(50);
      ready.resolve();
      assert.equal((await log.waitFor("close")).args[0], status);
      assert.deepEqual(log.of("open")[0]?.args, [false, false, false]);
      assert.deepEqual(errors, []);
    });
  }
});

test("Handlers that have taken their channel and go on are not counted as pending [C147]", async () => {
  await start(
    async (request) => {
      const response = withChannel(request, (channel) => void channel.send("taken"));
      await new Promise(() => undefined);
      return response;
    },
    { limits: { maxPendingRequests: 1 } },
  );
  for (let count = 0; count < 3; count++) {
    const client = await connectRaw(server.port);
    client.write(get);
    assert.equal((await client.readResponse()).text, "taken");
  }
});

test("A last body that is on its way when the server stops is sent to its end, not ended early [C126, C137]", async () => {
  const more = deferred();
  await start((request) =>
    withChannel(request, (channel) => {
      channel.send(
        (async function* () {
          yield "first ";
          await more.promise;
          yield "last";
        })(),
      );
    }),
  );
  const client = await connectRaw(server.port);
  client.write(get);
  await client.readUntil("first ");
  const stopped = server.stop({ timeoutMs: 600 });
  await client.readUntil("\r\n");
  await client.expectNothing(400);
  more.resolve();
  assert.equal((await client.readUntil("0\r\n\r\n")).toString(), "4\r\nlast\r\n0\r\n\r\n");
  client.end();
  assert.equal(await stopped, true);
});

for (const [kind, request] of [
  ["HTTP", get],
  ["WebSocket", handshakeRequest()],
] as const) {
  test(`Data that closes the channel when it is looked at is not sent behind the end (${kind}) [C41]`, async () => {
    const accepted = deferred<boolean>();
    await start((standardRequest) =>
      withChannel(standardRequest, (channel: Channel) => {
        const tricky = { toString: () => String(channel.close()) };
        accepted.resolve(channel.send([tricky], { close: false }));
      }),
    );
    const client = await connectRaw(server.port);
    client.write(request);
    assert.equal(await accepted.promise, false);
    await client.readHead();
    if (kind === "WebSocket") assert.equal((await client.readBytes(4)).toString("hex"), "880203e8");
    await client.expectNothing(100);
  });
}

test("A WebSocket that is closed behind a large message stays until it has been read [C125, C126]", async () => {
  const size = 20 * 1024 * 1024;
  await start((request) => withChannel(request, (channel) => void channel.send(Buffer.alloc(size), { close: true })), {
    limits: { closeTimeoutMs: 100 },
  });
  const client = await connectRaw(server.port);
  client.write(handshakeRequest());
  await client.readHead();
  client.pause();
  await delay(400);
  client.resume();
  const frames = await client.readBytes(10 + size + 4, { timeoutMs: 4000 });
  assert.equal(frames.subarray(-4).toString("hex"), "880203e8");
  assert.equal(await client.expectEnd(), "fin");
});

test("A limit that ws could not hold is a limit all the same [C110]", async () => {
  await start((request) => withChannel(request, () => undefined), { limits: { maxMessageBytes: 2 ** 32 } });
  const client = await connectRaw(server.port);
  client.write(handshakeRequest());
  await client.readHead();
  // A masked frame that announces 2 ** 31 bytes.
  client.write(Buffer.from("82ff000000008000000000000000", "hex"));
  assert.equal((await client.readBytes(4)).toString("hex"), "880203f1");
});

const fail = (): never => assert.fail("odd");

for (const [what, descriptor] of [
  ["throws where it is waited for", { value: fail }],
  ["throws when it is looked at", { get: fail }],
] as const) {
  test(`A receive handler whose promise ${what} disturbs no later message [C87]`, async () => {
    const log = new Recorder();
    await start(
      (request) =>
        withChannel(request, (channel) => {
          channel.onReceive((message) => {
            log.record("receive", message);
            // oxlint-disable-next-line unicorn/no-thenable -- a promise of an odd library is what is tested
            return Object.defineProperty({}, "then", descriptor);
          });
        }),
      { onError: ({ code }) => log.record(code) },
    );
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    await client.readHead();
    client.write(Buffer.from("8181000000006181810000000062", "hex"));
    await log.waitFor("receive", { count: 2 });
    await log.waitFor("HANDLER_FAILED", { count: 2 });
  });
}

test("Closing stops a stream that is sent and every one behind it [C4]", async () => {
  const log = new Recorder();
  await start((request) =>
    withChannel(request, (channel) => {
      channel.onClose(log.as("close"));
      for (const name of ["one", "two"]) channel.send(ticking(name, log), { close: false });
      channel.send("text", { close: false });
      void log.waitFor("one").then(() => channel.close());
    }),
  );
  const client = await connectRaw(server.port);
  client.write(get);
  assert.match((await client.readResponse()).text, /text$/);
  assert.equal((await log.waitFor("close")).args[0], "server-close");
  assert.deepEqual(log.of("two"), []);
});

async function* ticking(name: string, log: Recorder): AsyncGenerator<string> {
  for (;;) {
    log.record(name);
    yield name;
    await delay(10);
  }
}

test("A client that sends too much behind a parked poll is dropped, also within a request that is refused [C81]", async () => {
  const log = new Recorder();
  await start((request) => withChannel(request, (channel) => channel.onClose(log.as("close"))));
  const client = await connectRaw(server.port);
  client.write(`${get}POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n`);
  const chunk = `8000\r\n${"x".repeat(0x8000)}\r\n`;
  for (let count = 0; count < 4; count++) client.write(chunk);
  assert.equal((await log.waitFor("close")).args[0], "client-close");
  await client.waitForEnd();
});

/** Pieces that are there at once and each take a millisecond; tells how many came in one turn of the event loop. */
async function* eager(mostInOneTurn: { count: number }): AsyncGenerator<string> {
  let isNewTurn = true;
  for (let piece = 0, inThisTurn = 0; piece < 100; piece++) {
    if (isNewTurn) {
      isNewTurn = false;
      inThisTurn = 0;
      setImmediate(() => (isNewTurn = true));
    }
    inThisTurn += 1;
    mostInOneTurn.count = Math.max(mostInOneTurn.count, inThisTurn);
    for (const end = performance.now() + 1; performance.now() < end;);
    yield "piece ";
  }
}

for (const what of ["sent", "returned"]) {
  test(`A body that is always ready does not keep the server from other work (${what})`, async () => {
    const mostInOneTurn = { count: 0 };
    await start((request) => {
      const body = eager(mostInOneTurn);
      if (what === "sent") return withChannel(request, (channel) => void channel.send(body));
      return new Response(Readable.toWeb(Readable.from(body, { highWaterMark: 1 })) as ReadableStream);
    });
    const client = await connectRaw(server.port);
    client.write(get);
    assert.equal((await client.readResponse()).text, "piece ".repeat(100));
    assert.ok(mostInOneTurn.count <= 2 * turnBudgetMs, `${mostInOneTurn.count} pieces in one turn`);
  });
}
