import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { afterEach, test, type TestContext } from "node:test";
import type { Channel, RequestHandler } from "../../src/index.ts";
import { createListeners, withChannel } from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Mounts a handler behind middleware that keeps Node's response, as a time limit does. `/other` is not ours. */
async function mount(
  t: TestContext,
  handler: RequestHandler,
  before: (response: ServerResponse) => void = () => undefined,
): Promise<{ client: RawClient; response: Promise<ServerResponse> }> {
  const taken = deferred<ServerResponse>();
  const listeners = createListeners(handler);
  const server = createServer((message, response) => {
    if (message.url === "/other") {
      response.end("other");
      return;
    }
    before(response);
    listeners.request(message, response);
    taken.resolve(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await listeners.stop({ timeoutMs: 0 });
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const client = await connectRaw(typeof address === "object" && address !== null ? address.port : 0);
  return { client, response: taken.promise };
}

/** The connection is intact: the very next bytes are the answer to the next request. */
async function expectNext(client: RawClient): Promise<void> {
  client.write(get("/other"));
  assert.equal((await client.readResponse()).body.toString(), "other");
  await client.expectNothing(50);
}

test("A request that is answered while its handler runs gets that answer alone, and the next one its own [C8, C28]", async (t) => {
  const answer = deferred<Response>();
  const { client, response } = await mount(t, () => answer.promise);
  client.write(get("/"));
  (await response).writeHead(503).end("too late");
  assert.equal((await client.readResponse()).status, 503);
  answer.resolve(new Response("answer"));
  await expectNext(client);
});

test("A parked poll that somebody else answers is closed, and writes nothing more [C8, C64]", async (t) => {
  const log = new Recorder();
  const parked = deferred<Channel>();
  const { client, response } = await mount(t, (request) =>
    withChannel(request, (channel) => {
      channel.onClose(log.as("close"));
      parked.resolve(channel);
    }),
  );
  client.write(get("/"));
  const channel = await parked.promise;
  (await response).writeHead(503).end("too late");
  assert.deepEqual([channel.isOpen, channel.send("answer"), channel.close()], [false, false, false]);
  assert.equal((await client.readResponse()).status, 503);
  await expectNext(client);
  assert.deepEqual(
    log.of("close").map(({ args }) => args[0]),
    ["server-close"],
  );
});

test("Nobody else gets a byte into a stream that has begun [C38, C41]", async (t) => {
  const parked = deferred<Channel>();
  const { client, response } = await mount(t, (request) =>
    withChannel(request, (channel) => {
      channel.send("one", { close: false });
      parked.resolve(channel);
    }),
  );
  client.write(get("/"));
  const foreign = await response;
  const channel = await parked.promise;
  assert.equal(foreign.headersSent, true);
  foreign.writeHead(503).write("in between");
  foreign.end("in between");
  assert.equal(channel.send("two"), true);
  const { chunks } = await client.readResponse();
  assert.deepEqual(chunks?.map(String), ["one", "two"]);
  await expectNext(client);
});

for (const [what, before] of [
  ["was answered", (response: ServerResponse) => void response.end("early")],
  [
    "had its answer begun",
    (response: ServerResponse) => void response.writeHead(200, { "Content-Length": 5 }).write("e"),
  ],
] as const) {
  test(`A request that ${what} before it came to the handler is not handled [C8]`, async (t) => {
    let handled = 0;
    const handler = (): Response => {
      handled += 1;
      return new Response("answer");
    };
    const { client, response } = await mount(t, handler, before);
    client.write(get("/"));
    const foreign = await response;
    if (!foreign.writableEnded) foreign.end("arly");
    assert.equal((await client.readResponse()).body.toString(), "early");
    await expectNext(client);
    assert.equal(handled, 0);
  });
}

test("An answer that somebody else begins while the handler runs is theirs to end [C8, C28]", async (t) => {
  const answer = deferred();
  const { client, response } = await mount(t, () => answer.promise.then(() => new Response("answer")));
  client.write(get("/"));
  const foreign = await response;
  foreign.writeHead(200, { "Content-Length": 8 }).write("half");
  await client.readUntil("half");
  answer.resolve();
  await client.expectNothing(50);
  foreign.end("rest");
  await client.readUntil("rest");
  client.write(get("/"));
  assert.equal((await client.readResponse()).body.toString(), "answer");
  await expectNext(client);
});

test("A request that two listeners are given is answered by the first of them, and the connection goes on [C134]", async (t) => {
  const channels: Channel[] = [];
  const taken = deferred();
  const listeners = createListeners((request) =>
    withChannel(request, (channel) => {
      channels.push(channel);
      taken.resolve();
    }),
  );
  const server = createServer((message, response) => {
    if (message.url === "/other") {
      response.end("other");
      return;
    }
    listeners.request(message, response);
    listeners.request(message, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await listeners.stop({ timeoutMs: 0 });
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const client = await connectRaw(address.port);
  client.write(get("/"));
  await taken.promise;
  channels[0]?.send("one");
  assert.equal((await client.readResponse()).text, "one");
  client.write(get("/other"));
  assert.equal((await client.readResponse()).text, "other");
  client.write(get("/"));
  await client.expectNothing(50);
  assert.equal(channels.length, 2);
  channels[1]?.send("two");
  assert.equal((await client.readResponse()).text, "two");
});
