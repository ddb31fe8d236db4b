import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import type { RawClient } from "../support/raw-client.ts";
import { expectReusable, get, get10, parkOne, setStage } from "./stage.ts";

const bodyBytes = 30_000_000;
const body = Buffer.alloc(bodyBytes, "0123456789abcdef");

/** Reads some, waits, reads some: never still for long, and slower than the time that a closed connection lingers. */
async function readSlowly(client: RawClient, totalMs: number): Promise<void> {
  const stepMs = 50;
  for (let passedMs = 0; passedMs < totalMs; passedMs += stepMs) {
    client.resume();
    await new Promise(setImmediate);
    client.pause();
    await delay(stepMs);
  }
  client.resume();
}

const requests = { "Connection: close": get("/parked", "Connection: close"), "HTTP/1.0": get10("/parked") };

for (const [name, request] of Object.entries(requests)) {
  test(`a large answer to ${name} is written to its end before FIN, however slowly it is read [C68, C126]`, async (t) => {
    const stage = await setStage(t, undefined, { limits: { lingerTimeoutMs: 300, idleTimeoutMs: 1000 } });
    const { client, channel } = await parkOne(stage, "/parked", request);
    client.pause();
    assert.equal(channel.send(body), true);
    assert.equal((await stage.log.waitFor("close")).args[1], "server-close");
    await readSlowly(client, 1500);
    assert.equal(await client.waitForEnd({ timeoutMs: 10_000 }), "fin");
    const response = await client.readResponse();
    assert.equal(response.complete, true);
    assert.ok(response.body.equals(body));
  });
}

test("a large answer on a persistent connection is read whole by a reader that starts late [C68, C126]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { lingerTimeoutMs: 300 } });
  const { client, channel } = await parkOne(stage);
  client.pause();
  channel.send(body);
  let isFlushed = false;
  const flushed = channel.flushed().then(() => {
    isFlushed = true;
  });
  await delay(700);
  assert.equal(isFlushed, false);
  client.resume();
  await flushed;
  await client.readUntil((unread) => unread.length >= bodyBytes, { timeoutMs: 10_000 });
  await expectReusable(client);
});

test("a client that stops reading an answer to Connection: close is cut when nothing moves any more [C126]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { idleTimeoutMs: 300 } });
  const { client, channel } = await parkOne(stage, "/parked", get("/parked", "Connection: close"));
  client.pause();
  channel.send(body);
  let isCut = false;
  const flushed = channel.flushed().then(() => {
    isCut = true;
  });
  await delay(100);
  assert.equal(isCut, false);
  await flushed;
  client.resume();
  await client.waitForEnd();
  assert.ok(client.received.length < bodyBytes);
});

test("a stream that is cut since too much waits hands its socket nothing of that [C127]", async (t) => {
  const sockets: Socket[] = [];
  const note = (event: unknown): void => void sockets.push((event as { readonly socket: Socket }).socket);
  subscribe("net.server.socket", note);
  t.after(() => unsubscribe("net.server.socket", note));
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  const [socket] = sockets;
  assert.ok(socket !== undefined);
  client.pause();
  // Few in a turn: what one turn has more than the socket takes is handed over to it.
  while (channel.send("x".repeat(1024), { close: false })) await nextTurn();
  const left = socket.writableLength;
  assert.ok(left > 0 && left < 128 * 1024, `${left} bytes were left in the socket`);
});
