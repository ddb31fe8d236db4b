import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { withChannel } from "../../src/index.ts";
import { expectReusable, get, parkOne, post, setStage } from "./stage.ts";

/** Every time limit of a request and of an idle connection, as short as makes sense. */
const short = { idleTimeoutMs: 200, headersTimeoutMs: 200, requestTimeoutMs: 200 };
/** Longer than all of those with the interval at which Node looks, and the second that Node 24 adds. */
const longMs = 2000;

test("a parked poll, a stream, a parked POST and a WebSocket outlive every other time limit [C42, P27, P28]", async (t) => {
  const stage = await setStage(
    t,
    (request, path) => {
      if (path !== "/ws") return undefined;
      return withChannel(request, (channel) => channel.onReceive((message) => void channel.send(message)));
    },
    { limits: short },
  );
  const poll = await parkOne(stage, "/poll");
  const reused = await parkOne(stage, "/reused", get("/now/first") + get("/reused"));
  assert.equal((await reused.client.readResponse()).text, "first");
  const stream = await parkOne(stage, "/stream");
  const upload = await parkOne(stage, "/upload", post("/upload", "x".repeat(200_000)));
  stream.channel.send("a", { close: false });
  await stream.client.readHead();
  assert.equal((await stream.client.readChunk()).toString(), "a");
  const socket = await openWebSocket(stage.port, "/ws");
  t.after(() => socket.client.destroy());
  await delay(longMs);
  for (const { client, channel } of [poll, reused, upload]) {
    assert.equal(channel.send("late"), true);
    assert.equal((await client.readResponse()).text, "late");
  }
  stream.channel.send("b");
  assert.equal((await stream.client.readChunk()).toString(), "b");
  socket.client.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  assert.equal(await socket.nextMessage(), "hi");
});

test("a connection with no request in progress is closed after the idle time, a parked one is not [C59, P29]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { idleTimeoutMs: 300 } });
  const idle = await stage.connect();
  const startMs = performance.now();
  await expectReusable(idle);
  const { client, channel } = await parkOne(stage, "/poll");
  await idle.expectEnd({ timeoutMs: 3000 });
  assert.ok(performance.now() - startMs >= 250, "it was closed too early");
  await client.expectNothing(200);
  channel.send("still here");
  assert.equal((await client.readResponse()).text, "still here");
  // And now this one is idle, after an answer that its channel gave.
  await client.expectEnd({ timeoutMs: 3000 });
});

test("each answer starts the idle time anew [C59]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { idleTimeoutMs: 1500 } });
  const client = await stage.connect();
  for (let count = 0; count < 4; count++) {
    await expectReusable(client);
    await delay(500);
  }
  await client.expectEnd({ timeoutMs: 3000 });
});

test("a connection that never sends a byte is closed without an answer after the time for a head [P30]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 } });
  const client = await stage.connect();
  await client.expectEnd({ timeoutMs: 3000 });
});

test("the default idle time is above the minute for which common proxies keep a connection [P29, P54]", async (t) => {
  const { defaultLimits } = await import("../../src/index.ts");
  t.diagnostic(`${defaultLimits.idleTimeoutMs} ms`);
  assert.ok(defaultLimits.idleTimeoutMs > 60_000);
});

test("a WebSocket that waited behind a poll outlives the idle time that the poll's answer began [C42, C58]", async (t) => {
  const stage = await setStage(
    t,
    (request, path) => {
      if (path !== "/ws") return undefined;
      return withChannel(request, (channel) => channel.onReceive((message) => void channel.send(message)));
    },
    { limits: short },
  );
  const { client, channel } = await parkOne(stage, "/poll", get("/poll") + handshakeRequest({ path: "/ws" }));
  await client.expectNothing(50);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  assert.equal((await client.readHead()).status, 101);
  await delay(longMs);
  client.write(frames.text("hi"));
  assert.equal((await client.read("frame", frames.parseFrame)).payload.toString(), "hi");
});
