import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test, type TestContext } from "node:test";
import { type Channel, createListeners, withChannel } from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { deferred, eventually, within } from "../support/expect.ts";
import { Stopwatch } from "../support/own-time.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { openDescriptors } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** How much later than its deadline a stop may be, in the time that this process has. */
const graceMs = 400;

test("stopping closes the listening socket and idle connections at once, also one that never sent a byte [C135, P45]", async (t) => {
  const { server, port } = await setServer(t, () => new Response("served"));
  const used = await connectRaw(port);
  used.write(get("/"));
  assert.equal((await used.readResponse()).status, 200);
  const silent = await connectRaw(port);
  await eventually(() => assert.ok(silent.socket.remotePort));
  const watch = new Stopwatch();
  const stopped = server.stop({ timeoutMs: 5000 });
  await assert.rejects(connectRaw(port));
  assert.equal(await used.expectEnd(), "fin");
  assert.equal(await silent.expectEnd(), "fin");
  used.end();
  silent.end();
  assert.equal(await stopped, true);
  assert.ok(watch.ownTookMs < 2000);
});

test("a handler that runs may answer within the time, and its connection closes behind the answer [C135, C141]", async (t) => {
  const begun = deferred();
  const go = deferred();
  const { server, port } = await setServer(t, async () => {
    begun.resolve();
    await go.promise;
    return new Response("in time");
  });
  const client = await connectRaw(port);
  client.write(get("/"));
  await begun.promise;
  const stopped = server.stop({ timeoutMs: 5000 });
  await client.expectNothing(100);
  go.resolve();
  const response = await client.readResponse();
  assert.equal(response.text, "in time");
  assert.equal(response.header("connection"), "close");
  assert.equal(await client.expectEnd(), "fin");
  client.end();
  assert.equal(await within(1000, stopped, "stop"), true);
});

test("a handler that takes longer is cut when the time is over [C135]", async (t) => {
  const begun = deferred();
  const { server, port } = await setServer(t, () => {
    begun.resolve();
    return new Promise<Response>(() => undefined);
  });
  const client = await connectRaw(port);
  client.write(get("/"));
  await begun.promise;
  const watch = new Stopwatch();
  const stopped = server.stop({ timeoutMs: 300 });
  await client.expectEnd();
  assert.ok(watch.tookMs >= 290);
  assert.equal(await stopped, true);
  assert.ok(watch.ownTookMs < 300 + graceMs);
});

test("the status goes from running over stopping to stopped; only the first stop is true [C136]", async (t) => {
  const { server, port } = await setServer(t, (request) =>
    withChannel(request, (channel) => void channel.send("", { close: false })),
  );
  const client = await connectRaw(port);
  client.write(get("/"));
  await client.readHead();
  assert.equal(server.status, "running");
  const stopped = server.stop({ timeoutMs: 200 });
  assert.equal(server.status, "stopping");
  assert.equal(await within(100, server.stop(), "the second stop"), false);
  assert.equal(server.status, "stopping");
  assert.equal(await stopped, true);
  assert.equal(server.status, "stopped");
  assert.equal(await server.stop(), false);
  assert.equal(server.status, "stopped");
});

test("a second stop of a TLS server does not cut what the first lets end", async (t) => {
  const begun = deferred();
  const go = deferred();
  const handler = async (): Promise<Response> => {
    begun.resolve();
    await go.promise;
    return new Response("in time");
  };
  const { server, port } = await setServer(t, handler, { tls: selfSignedCertificate() });
  const client = await connectRaw(port, { tls: true });
  client.write(get("/"));
  await begun.promise;
  const stopped = server.stop();
  assert.equal(await server.stop(), false);
  await client.expectNothing(50);
  go.resolve();
  assert.equal((await client.readResponse()).text, "in time");
  client.end();
  assert.equal(await stopped, true);
});

test("each kind of channel gets its last words: Close 1001, the end of the stream, 503 for a poll [C137, C138, P46, P47]", async (t) => {
  const closes: unknown[] = [];
  const { server, port } = await setServer(t, (request) =>
    withChannel(request, (channel) => {
      const path = new URL(request.url).pathname;
      channel.onClose((status, { code }) => void closes.push([path, status, code, channel.isOpen]));
      if (path === "/stream") channel.send("begun", { close: false });
    }),
  );
  const poll = await connectRaw(port);
  poll.write(get("/poll"));
  const stream = await connectRaw(port);
  stream.write(get("/stream"));
  await stream.readHead();
  assert.equal((await stream.readChunk()).toString(), "begun");
  const socket = await openWebSocket(port, "/socket");
  await poll.expectNothing(50);
  const watch = new Stopwatch();
  // Time enough behind the last words for all that each client still says and reads.
  const stopMs = 3000;
  const stopped = server.stop({ timeoutMs: stopMs });
  await socket.expectClose(1001);
  assert.ok(watch.tookMs >= stopMs / 2 - 10, "channels can be sent to in the first half of the time");
  socket.sendClose(1001);
  await socket.client.expectEnd();
  assert.equal((await stream.readChunk()).length, 0);
  assert.equal(await stream.expectEnd(), "fin");
  const drained = await poll.readResponse();
  assert.equal(drained.status, 503);
  assert.equal(drained.header("connection"), "close");
  assert.equal(drained.header("retry-after"), "1");
  assert.equal(await poll.expectEnd(), "fin");
  for (const client of [socket.client, stream, poll]) client.end();
  await stopped;
  assert.ok(watch.ownTookMs < stopMs / 2 + graceMs);
  const expected = ["/poll", "/socket", "/stream"].map((path) => [path, "server-close", 1001, false]);
  assert.deepEqual(new Set(closes), new Set(expected));
  assert.equal(closes.length, 3);
});

test("every close handler has run once before stop resolves: 100 polls and 100 WebSockets [C138]", async (t) => {
  const closes: string[] = [];
  let open = 0;
  const { server, port } = await setServer(t, (request) =>
    withChannel(request, (channel) => {
      open += 1;
      channel.onClose((status) => void closes.push(status));
    }),
  );
  for (let count = 0; count < 100; count++) {
    const poll = await connectRaw(port);
    poll.write(get("/"));
    const socket = await connectRaw(port);
    socket.write(handshakeRequest());
  }
  await eventually(() => assert.equal(open, 200), { timeoutMs: 5000 });
  const watch = new Stopwatch();
  await server.stop({ timeoutMs: 600 });
  assert.deepEqual(closes, Array<string>(200).fill("server-close"));
  assert.ok(watch.ownTookMs < 600 + 2 * graceMs);
});

test("during the first half of the time channels can be sent to, and an answer closes its connection [C139, C141]", async (t) => {
  const channels = new Map<string, Channel>();
  const { server, port } = await setServer(t, (request) =>
    withChannel(request, (channel) => void channels.set(new URL(request.url).pathname, channel)),
  );
  const poll = await connectRaw(port);
  poll.write(get("/poll"));
  const socket = await openWebSocket(port, "/socket");
  await eventually(() => assert.equal(channels.size, 2));
  const stopped = server.stop({ timeoutMs: 3000 });
  assert.equal(channels.get("/socket")?.send("still here"), true);
  assert.equal(await socket.nextMessage(), "still here");
  assert.equal(channels.get("/poll")?.send("answered"), true);
  const response = await poll.readResponse();
  assert.equal(response.text, "answered");
  assert.equal(response.header("connection"), "close");
  assert.equal(await poll.expectEnd(), "fin");
  await socket.expectClose(1001);
  socket.client.destroy();
  poll.destroy();
  await stopped;
});

test("after stop every channel is closed and sends are false [C140]", async (t) => {
  const channels: Channel[] = [];
  const { server, port } = await setServer(t, (request) =>
    withChannel(request, (channel) => void channels.push(channel)),
  );
  const poll = await connectRaw(port);
  poll.write(get("/"));
  await openWebSocket(port);
  await eventually(() => assert.equal(channels.length, 2));
  await server.stop({ timeoutMs: 50 });
  for (const channel of channels) {
    assert.equal(channel.isOpen, false);
    assert.equal(channel.send("late"), false);
    assert.equal(channel.close(), false);
  }
});

test("a half-sent request may be completed while stopping, and is answered with Connection: close [C141]", async (t) => {
  const stage = await setServer(t, async (request) => new Response(await request.text()));
  const client = await connectRaw(stage.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhal");
  const inHead = await connectRaw(stage.port);
  inHead.write("GET / HTTP/1.1\r\nHos");
  await client.expectNothing(50);
  const stopped = stage.server.stop({ timeoutMs: 2000 });
  await client.expectNothing(50);
  client.write("f-d");
  inHead.write("t: a\r\n\r\n");
  for (const [each, text] of [
    [client, "half-d"],
    [inHead, ""],
  ] as const) {
    const response = await each.readResponse();
    assert.equal(response.text, text);
    assert.equal(response.header("connection"), "close");
    assert.equal(await each.expectEnd(), "fin");
    each.end();
  }
  await stopped;
});

test("a channel that is taken when last words have been said gets its own at once [C137]", async (t) => {
  const begun = deferred();
  const go = deferred();
  const { server, port } = await setServer(t, async (request) => {
    if (request.url.endsWith("/taken")) return withChannel(request, () => undefined);
    begun.resolve();
    await go.promise;
    return withChannel(request, () => undefined);
  });
  const client = await connectRaw(port);
  client.write(get("/"));
  await begun.promise;
  const other = await openUpgrade(port);
  const taken = await openWebSocket(port, "/taken");
  const stopped = server.stop({ timeoutMs: 3000 });
  await taken.expectClose(1001);
  await client.expectNothing(50);
  go.resolve();
  assert.equal((await client.readResponse()).status, 503);
  await client.expectEnd();
  assert.equal((await other.readHead()).status, 101);
  assert.deepEqual(await other.readBytes(4), Buffer.of(0x88, 2, 3, 0xe9));
  for (const each of [client, other, taken.client]) each.destroy();
  await stopped;
});

async function openUpgrade(port: number): Promise<Awaited<ReturnType<typeof connectRaw>>> {
  const client = await connectRaw(port);
  client.write(handshakeRequest());
  await client.expectNothing(50);
  return client;
}

test("a client that answers no Close and reads nothing is cut at the deadline [C137, P46]", async (t) => {
  const { server, port } = await setServer(t, (request) => withChannel(request, () => undefined));
  const socket = await openWebSocket(port);
  socket.client.pause();
  const watch = new Stopwatch();
  await server.stop({ timeoutMs: 200 });
  assert.ok(watch.tookMs >= 190 && watch.ownTookMs < 200 + graceMs, `${watch.tookMs} ms`);
});

test("stop with no time cuts everything at once [C135]", async (t) => {
  const { server, port } = await setServer(t, (request) => withChannel(request, () => undefined));
  await openWebSocket(port);
  assert.equal(await within(500, server.stop({ timeoutMs: 0 }), "stop"), true);
});

test("a stopped server has given back every descriptor [C135, C142]", async (t) => {
  const before = openDescriptors();
  const { server, port } = await setServer(t, (request) => withChannel(request, () => undefined));
  for (let count = 0; count < 10; count++) {
    (await connectRaw(port)).write(get("/"));
    await openWebSocket(port);
  }
  await server.stop({ timeoutMs: 50 });
  destroyOpenClients();
  await eventually(() => assert.equal(openDescriptors(), before));
  assert.ok(!("start" in server), "a stopped server is not started again");
});

for (const timeoutMs of [-1, NaN, Infinity, 2 ** 31, "100", null]) {
  test(`stop throws at once for a time of ${String(timeoutMs)}, and the server runs on`, async (t) => {
    const { server } = await setServer(t, () => new Response());
    // @ts-expect-error -- some are no numbers
    assert.throws(() => void server.stop({ timeoutMs }), { code: "INVALID_ARGUMENT" });
    assert.equal(server.status, "running");
  });
}

for (const delayMs of [-1, Infinity, "100"]) {
  test(`stop throws at once for a delay of ${String(delayMs)}, and the server runs on`, async (t) => {
    const { server } = await setServer(t, () => new Response());
    // @ts-expect-error -- one is no number
    assert.throws(() => void server.stop({ delayMs }), { code: "INVALID_ARGUMENT" });
    assert.equal(server.status, "running");
  });
}

test("before anything closes, stop says for its delay that the server is to be sent no more; it goes on meanwhile, and ends behind that [C135, C136, C141]", async (t) => {
  const { server, port } = await setServer(t, (request) => {
    if (request.url.endsWith("/ready")) return new Response(null, { status: server.status === "running" ? 200 : 503 });
    return withChannel(request, (channel) => channel.onReceive((message) => channel.send(message)));
  });
  const ask = async (): Promise<[number, string | undefined]> => {
    const client = await connectRaw(port);
    client.write(get("/ready"));
    const response = await client.readResponse();
    client.end();
    return [response.status, response.header("connection")];
  };
  assert.deepEqual(await ask(), [200, undefined]);
  const socket = await openWebSocket(port, "/socket");
  const idle = await connectRaw(port);
  const begunMs = performance.now();
  const [delayMs, timeoutMs] = [2000, 2000];
  const stopped = server.stop({ delayMs, timeoutMs });
  assert.equal(server.status, "stopping");
  assert.deepEqual(await ask(), [503, "close"]);
  assert.equal(await server.stop({ timeoutMs: 0 }), false);
  // Who comes now is taken, too, and nobody who is here notices.
  const late = await openWebSocket(port, "/socket");
  for (const each of [socket, late]) {
    each.sendText("still here");
    assert.equal(await each.nextMessage(), "still here");
  }
  idle.write(get("/ready"));
  assert.equal((await idle.readResponse()).status, 503);
  for (const each of [socket, late]) {
    await each.expectClose(1001, { timeoutMs: 10_000 });
    assert.ok(
      performance.now() - begunMs >= delayMs + timeoutMs / 2 - 10,
      "channels can be sent to in the first half of the time",
    );
    each.sendClose(1001);
    each.client.end();
  }
  await assert.rejects(connectRaw(port));
  assert.equal(await stopped, true);
  assert.equal(server.status, "stopped");
});

test("stop throws for a misspelt option and for no object", async (t) => {
  const { server } = await setServer(t, () => new Response());
  // @ts-expect-error -- misspelt
  assert.throws(() => void server.stop({ timeout: 100 }), { code: "INVALID_ARGUMENT" });
  // @ts-expect-error -- no object
  assert.throws(() => void server.stop(null), { code: "INVALID_ARGUMENT" });
  assert.equal(server.status, "running");
});

/** A server of the application's own begins to listen. @returns its port */
async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("listeners end the connections that they saw and leave the server to its owner [C137]", async (t) => {
  const channels: Channel[] = [];
  const listeners = createListeners((request) => withChannel(request, (channel) => void channels.push(channel)));
  const server = createServer((message, response) => {
    if (message.url === "/foreign") response.end("foreign");
    else listeners.request(message, response);
  });
  const port = await listen(t, server);
  const client = await connectRaw(port);
  client.write(get("/ours"));
  await eventually(() => assert.equal(channels.length, 1));
  assert.equal(listeners.status, "running");
  const stopped = listeners.stop({ timeoutMs: 100 });
  assert.equal((await client.readResponse()).status, 503);
  await client.expectEnd();
  client.end();
  assert.equal(await stopped, true);
  assert.equal(listeners.status, "stopped");
  const other = await connectRaw(port);
  other.write(get("/foreign"));
  assert.equal((await other.readResponse()).text, "foreign");
});

test("listeners say for their delay that they are to be sent no more, to whoever asks the server they are mounted on [C136]", async (t) => {
  const listeners = createListeners((request) => withChannel(request, () => undefined));
  const server = createServer((message, response) => {
    if (message.url !== "/ready") return listeners.request(message, response);
    response.statusCode = listeners.status === "running" ? 200 : 503;
    response.end();
  });
  server.on("upgrade", listeners.upgrade);
  const port = await listen(t, server);
  const client = await connectRaw(port);
  const ready = async (): Promise<number> => {
    client.write(get("/ready"));
    return (await client.readResponse()).status;
  };
  assert.equal(await ready(), 200);
  const begunMs = performance.now();
  const stopped = listeners.stop({ delayMs: 2000, timeoutMs: 200 });
  assert.equal(await ready(), 503);
  const late = await openWebSocket(port, "/socket");
  await late.expectClose(1001, { timeoutMs: 10_000 });
  assert.ok(performance.now() - begunMs >= 2090);
  late.sendClose(1001);
  late.client.end();
  assert.equal(await stopped, true);
  assert.equal(await ready(), 503);
});
