import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Channel, withChannel } from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { eventually } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { setServer, type TestServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** Every channel is parked; `/now` is answered with the URL of the request. */
async function setSecure(
  t: Parameters<typeof setServer>[0],
): Promise<TestServer & { channels: Channel[]; closes: string[] }> {
  const channels: Channel[] = [];
  const closes: string[] = [];
  const handler = (request: Request): Response =>
    new URL(request.url).pathname === "/now"
      ? new Response(request.url)
      : withChannel(request, (channel) => {
          channels.push(channel);
          channel.onReceive((message) => void channel.send(message));
          channel.onClose((status) => void closes.push(status));
        });
  return { ...(await setServer(t, handler, { tls: selfSignedCertificate() })), channels, closes };
}

const connect = (port: number): Promise<RawClient> => connectRaw(port, { tls: true });

test("over TLS a server says that it is reached by https, and so do its requests", async (t) => {
  const { server, port } = await setSecure(t);
  assert.equal(server.url, `https://127.0.0.1:${port}`);
  const client = await connect(port);
  client.write(get("/now"));
  assert.equal((await client.readResponse()).text, "https://localhost/now");
});

test("over TLS a poll is parked and answered, and its connection goes on [C13]", async (t) => {
  const { port, channels } = await setSecure(t);
  const client = await connect(port);
  for (const text of ["first", "second"]) {
    client.write(get("/poll"));
    await eventually(() => assert.equal(channels.filter(({ isOpen }) => isOpen).length, 1));
    channels.at(-1)?.send(text);
    assert.equal((await client.readResponse()).text, text);
  }
});

test("over TLS a stream arrives chunk by chunk [C37]", async (t) => {
  const { port, channels } = await setSecure(t);
  const client = await connect(port);
  client.write(get("/stream"));
  await eventually(() => assert.equal(channels.length, 1));
  for (const text of ["a", "b"]) {
    channels[0]?.send(text, { close: false });
    if (text === "a") await client.readHead();
    assert.equal((await client.readChunk()).toString(), text);
  }
  channels[0]?.close();
  assert.equal((await client.readChunk()).length, 0);
});

test("over TLS a WebSocket echoes, also a message in the segment of its handshake [C10]", async (t) => {
  const { port } = await setSecure(t);
  const socket = await openWebSocket(port, "/socket", { connect: { tls: true }, firstFrames: frames.text("early") });
  assert.equal(await socket.nextMessage(), "early");
  const large = "x".repeat(300_000);
  socket.sendText(large);
  assert.equal(await socket.nextMessage(), large);
  socket.sendClose(1000);
  await socket.expectCloseAndEnd(1000);
});

test("over TLS pipelined requests and an upgrade behind them are answered in turn [C53, C58]", async (t) => {
  const { port, channels } = await setSecure(t);
  const client = await connect(port);
  client.write(get("/poll") + get("/now") + handshakeRequest({ path: "/socket" }));
  await client.expectNothing(50);
  assert.equal(channels.length, 1);
  channels[0]?.send("polled");
  assert.equal((await client.readResponse()).text, "polled");
  assert.equal((await client.readResponse()).text, "https://localhost/now");
  assert.equal((await client.readHead()).status, 101);
});

test("over TLS clients that leave by FIN or reset close their channels [C77]", async (t) => {
  const { port, closes } = await setSecure(t);
  for (const leave of ["end", "reset"] as const) {
    const poll = await connect(port);
    poll.write(get("/poll"));
    const socket = await openWebSocket(port, "/socket", { connect: { tls: true } });
    await poll.expectNothing(30);
    poll[leave]();
    socket.client[leave]();
    await eventually(() => assert.equal(closes.length, 2));
    assert.deepEqual(new Set(closes.splice(0)), new Set(["abnormal", "client-close"]));
  }
});

test("over TLS bytes that are no request are refused in TLS [C148]", async (t) => {
  const { port } = await setSecure(t);
  const client = await connect(port);
  client.write("no request\r\n\r\n");
  assert.equal((await client.readResponse()).status, 400);
  assert.equal(await client.expectEnd(), "fin");
});

test("over TLS an offer of h2c is served as the plain request that it is [S28]", async (t) => {
  const { port } = await setSecure(t);
  const client = await connect(port);
  client.write(get("/now", "Upgrade: h2c", "Connection: Upgrade") + get("/now"));
  for (let count = 0; count < 2; count++) assert.equal((await client.readResponse()).text, "https://localhost/now");
});

test("over TLS only pages of the https origin may open a WebSocket [C100]", async (t) => {
  const { port } = await setSecure(t);
  for (const [origin, status] of [
    ["https://localhost", 101],
    ["http://localhost", 403],
  ] as const) {
    const client = await connect(port);
    client.write(handshakeRequest({ path: "/socket", headers: { Origin: origin } }));
    assert.equal((await client.readHead()).status, status);
  }
});

test("bytes that are no TLS end their connection and nothing else [C134]", async (t) => {
  const { port, errors } = await setSecure(t);
  for (const bytes of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00garbage", "\0".repeat(100)]) {
    const client = await connectRaw(port);
    client.write(bytes);
    client.end();
    await client.waitForEnd();
  }
  const client = await connect(port);
  client.write(get("/now"));
  assert.equal((await client.readResponse()).status, 200);
  assert.deepEqual(errors, []);
});
