import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server as NodeServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { afterEach, test, type TestContext } from "node:test";
import express from "express";
import { type Channel, type ChannelError, createListeners, type Listeners, withChannel } from "../../src/index.ts";
import { get, post } from "../http/stage.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { deferred, eventually } from "../support/expect.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

type Mounted = {
  readonly port: number;
  readonly seen: string[];
  readonly errors: ChannelError[];
  readonly channels: Channel[];
};

/** Ours: `/parked…` parks, `/stream…` begins a stream, `/refused…` is a 401, `/throws` throws, the rest is its URL and body. */
async function mount(
  t: TestContext,
  build: (listeners: Listeners) => NodeServer = (listeners) => createServer(listeners.request),
  takesUpgrades = true,
): Promise<Mounted> {
  const seen: string[] = [];
  const errors: ChannelError[] = [];
  const channels: Channel[] = [];
  const listeners = createListeners(
    async (request) => {
      const { pathname } = new URL(request.url);
      seen.push(pathname);
      const isUpgrade = request.headers.get("upgrade") === "websocket";
      if (pathname.includes("/refused")) return new Response("who are you?", { status: 401 });
      if (pathname.includes("/throws")) throw new Error("secret");
      if (!isUpgrade && !/\/(?:parked|stream)/.test(pathname))
        return new Response(`${request.url} ${await request.text()}`);
      return withChannel(request, (channel) => {
        channels.push(channel);
        channel.onReceive((message) => void channel.send(message));
        if (pathname.includes("/stream")) channel.send("begun", { close: false });
      });
    },
    { onError: (error) => errors.push(error) },
  );
  const server = build(listeners);
  if (takesUpgrades) server.on("upgrade", listeners.upgrade);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await listeners.stop({ timeoutMs: 0 });
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, seen, errors, channels };
}

/** A server on which others answer, too: `/slow` when the test says so. */
function withSlowNeighbour(answer: Promise<unknown>): (listeners: Listeners) => NodeServer {
  return (listeners) => {
    const listener: RequestListener = (message, response) => {
      if (message.url !== "/slow") listeners.request(message, response);
      else void answer.then(() => response.end("slow"));
    };
    return createServer(listener);
  };
}

for (const [name, build, connect] of [
  ["node:http", (listeners: Listeners) => createServer(listeners.request), {}],
  ["node:https", (listeners: Listeners) => createTlsServer(selfSignedCertificate(), listeners.request), { tls: true }],
  ["Express", (listeners: Listeners) => createServer(express().use(listeners.request)), {}],
] as const) {
  test(`mounted on ${name}, requests, polls, streams and WebSockets are served`, async (t) => {
    const { port, channels, errors } = await mount(t, build);
    const client = await connectRaw(port, connect);
    client.write(post("/plain?a=b", "body"));
    const scheme = name === "node:https" ? "https" : "http";
    assert.equal((await client.readResponse()).text, `${scheme}://localhost/plain?a=b body`);
    client.write(get("/parked"));
    await eventually(() => assert.equal(channels.length, 1));
    channels[0]?.send("polled");
    assert.equal((await client.readResponse()).text, "polled");
    client.write(get("/stream"));
    assert.equal((await client.readHead()).header("transfer-encoding"), "chunked");
    assert.equal((await client.readChunk()).toString(), "begun");
    channels[1]?.close();
    assert.equal((await client.readChunk()).length, 0);
    client.write(get("/plain"));
    assert.equal((await client.readResponse()).status, 200);
    const socket = await openWebSocket(port, "/socket", { connect });
    socket.sendText("hello");
    assert.equal(await socket.nextMessage(), "hello");
    socket.sendClose(1000);
    await socket.expectCloseAndEnd(1000);
    assert.deepEqual(errors, []);
  });

  test(`mounted on ${name}, a client that leaves closes its channels [P2]`, async (t) => {
    const { port, channels } = await mount(t, build);
    const poll = await connectRaw(port, connect);
    poll.write(get("/parked"));
    const socket = await openWebSocket(port, "/socket", { connect });
    await eventually(() => assert.equal(channels.length, 2));
    poll.reset();
    socket.client.reset();
    await eventually(() =>
      assert.deepEqual(
        channels.map(({ isOpen }) => isOpen),
        [false, false],
      ),
    );
  });

  test(`mounted on ${name}, an upgrade is refused with what the handler answers, and the connection ends [C98]`, async (t) => {
    const { port } = await mount(t, build);
    const client = await connectRaw(port, connect);
    client.write(handshakeRequest({ path: "/refused" }));
    const response = await client.readResponse();
    assert.equal(response.status, 401);
    assert.equal(response.text, "who are you?");
    assert.equal(await client.expectEnd(), "fin");
  });

  test(`mounted on ${name}, an offer of h2c is served as the plain request that it is, and the connection goes on [S28]`, async (t) => {
    const { port } = await mount(t, build);
    const client = await connectRaw(port, connect);
    for (const path of ["/first", "/second"]) {
      client.write(get(path, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAM"));
      assert.equal((await client.readResponse()).text.split(" ")[0]?.endsWith(path), true);
    }
    client.write(get("/third"));
    assert.equal((await client.readResponse()).status, 200);
  });

  test(`mounted on ${name}, a handler that throws is a 500 that tells nothing [C128]`, async (t) => {
    const { port, errors } = await mount(t, build);
    const client = await connectRaw(port, connect);
    client.write(get("/throws") + get("/next"));
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.ok(!response.text.includes("secret"));
    assert.equal((await client.readResponse()).status, 200);
    assert.equal(errors.length, 1);
  });
}

test("an answer waits for a slow one of another handler that was asked for before [C53, P11]", async (t) => {
  const go = deferred();
  const { port, seen } = await mount(t, withSlowNeighbour(go.promise));
  const client = await connectRaw(port);
  client.write(get("/slow") + get("/ours") + get("/slow"));
  await client.expectNothing(100);
  assert.deepEqual(seen, []);
  go.resolve();
  assert.equal((await client.readResponse()).text, "slow");
  assert.equal((await client.readResponse()).text, "http://localhost/ours ");
  assert.equal((await client.readResponse()).text, "slow");
});

test("a WebSocket waits for a slow answer of another handler, and frames behind its handshake are kept [C58, P12]", async (t) => {
  const go = deferred();
  const { port, seen } = await mount(t, withSlowNeighbour(go.promise));
  const client = await connectRaw(port);
  client.write(get("/slow") + handshakeRequest({ path: "/socket" }));
  client.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  await client.expectNothing(100);
  assert.deepEqual(seen, []);
  go.resolve();
  assert.equal((await client.readResponse()).text, "slow");
  assert.equal((await client.readHead()).status, 101);
  assert.deepEqual(await client.readBytes(4), Buffer.from([0x81, 2, 0x68, 0x69]));
});

test("an offer of h2c waits for a slow answer of another handler [S28, C53]", async (t) => {
  const go = deferred();
  const { port } = await mount(t, withSlowNeighbour(go.promise));
  const client = await connectRaw(port);
  client.write(get("/slow") + get("/ours", "Upgrade: h2c", "Connection: Upgrade"));
  await client.expectNothing(100);
  go.resolve();
  assert.equal((await client.readResponse()).text, "slow");
  assert.equal((await client.readResponse()).text, "http://localhost/ours ");
});

test("a client that leaves during a slow answer of another handler has its requests behind it never handled [C57, P3]", async (t) => {
  const { port, seen } = await mount(t, withSlowNeighbour(new Promise(() => undefined)));
  for (const request of [get("/parked"), handshakeRequest({ path: "/socket" })]) {
    const client = await connectRaw(port);
    client.write(get("/slow") + request);
    await client.expectNothing(50);
    client.reset();
    await client.closed;
  }
  const probe = await connectRaw(port);
  probe.write(get("/probe"));
  assert.equal((await probe.readResponse()).status, 200);
  assert.deepEqual(seen, ["/probe"]);
});

test("below a path of Express the request keeps its whole URL", async (t) => {
  const { port } = await mount(t, (listeners) => {
    const app = express();
    app.use("/live", listeners.request);
    app.get("/other", (_request, response) => void response.send("other"));
    return createServer(app);
  });
  const client = await connectRaw(port);
  client.write(post("/live/room?id=1", "body"));
  assert.equal((await client.readResponse()).text, "http://localhost/live/room?id=1 body");
  client.write(get("/other"));
  assert.equal((await client.readResponse()).text, "other");
  client.write(get("/live"));
  assert.equal((await client.readResponse()).text, "http://localhost/live ");
  client.write(get("/nowhere"));
  assert.equal((await client.readResponse()).status, 404);
});

test("middleware of Express decides before the handler is asked", async (t) => {
  const { port, seen } = await mount(t, (listeners) => {
    const app = express();
    app.use((request, response, next) => {
      if (request.headers.authorization === "Bearer token") next();
      else response.status(401).end();
    });
    app.use(listeners.request);
    return createServer(app);
  });
  const client = await connectRaw(port);
  client.write(get("/a"));
  assert.equal((await client.readResponse()).status, 401);
  client.write(get("/b", "Authorization: Bearer token"));
  assert.equal((await client.readResponse()).status, 200);
  assert.deepEqual(seen, ["/b"]);
});

test("a body that other middleware has read is not waited for: reading it again fails, and is reported", async (t) => {
  const { port, errors } = await mount(t, (listeners) =>
    createServer(express().use(express.json(), listeners.request)),
  );
  const client = await connectRaw(port);
  client.write(post("/a", "{}", "Content-Type: application/json"));
  assert.equal((await client.readResponse()).status, 500);
  assert.equal(errors[0]?.code, "HANDLER_FAILED");
  client.write(post("/b", "text", "Content-Type: text/plain"));
  assert.equal((await client.readResponse()).text, "http://localhost/b text");
});

for (const [what, bytes] of [
  ["a request", get("/parked")],
  ["an upgrade", handshakeRequest({ path: "/socket" })],
] as const) {
  test(`${what} that gets here only after its client has gone is not handled, and does not keep the listeners from stopping [P9]`, async (t) => {
    const gone = deferred();
    const held: (() => void)[] = [];
    let stop: Listeners["stop"] | undefined;
    const { port, seen } = await mount(
      t,
      (listeners) => {
        stop = listeners.stop;
        const late = { request: listeners.request, upgrade: listeners.upgrade };
        const server = createServer((message, response) => void held.push(() => late.request(message, response)));
        server.on("connection", (socket) => socket.on("close", () => gone.resolve()));
        server.on("upgrade", (message, socket, head) => {
          // Node leaves an upgraded socket without any listener: as long as it is held, this is its holder's to do.
          socket.on("error", () => undefined);
          held.push(() => late.upgrade(message, socket, head));
        });
        return server;
      },
      false,
    );
    const client = await connectRaw(port);
    client.write(bytes);
    await eventually(() => assert.equal(held.length, 1));
    client.reset();
    await gone.promise;
    held[0]?.();
    assert.equal(await stop?.({ timeoutMs: 1000 }), true);
    assert.deepEqual(seen, []);
  });
}

test("a WebSocket on a server whose upgrades nobody takes is refused, and the report says what was forgotten", async (t) => {
  const { port, errors, seen } = await mount(t, undefined, false);
  const client = await connectRaw(port);
  client.write(handshakeRequest());
  assert.equal((await client.readHead()).status, 400);
  assert.match(errors[0]?.message ?? "", /nothing listens to the server's event upgrade/);
  assert.deepEqual(seen, []);
});
