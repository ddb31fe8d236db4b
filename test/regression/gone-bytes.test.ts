import assert from "node:assert/strict";
import { test } from "node:test";
import { type Channel, isChannelError, MemoryChannelStore, serve, withChannel } from "../../src/index.ts";
import { within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();

/** Bytes whose buffer was transferred, as with `postMessage`. */
function transferred(make: (buffer: ArrayBuffer) => Uint8Array): Uint8Array {
  const buffer = new ArrayBuffer(8);
  const bytes = make(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return bytes;
}

const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";

const goneBytes: readonly (readonly [string, () => unknown])[] = [
  ["bytes that were transferred", () => transferred((buffer) => new Uint8Array(buffer))],
  ["a Buffer that was transferred", () => transferred((buffer) => Buffer.from(buffer))],
  ["an ArrayBuffer that was transferred", () => transferred((buffer) => new Uint8Array(buffer)).buffer],
  ["a proxy of bytes", () => new Proxy(new Uint8Array(8), {})],
];

for (const [what, make] of goneBytes) {
  test(`${what}: the send is refused, and the channel goes on [C23]`, async (context) => {
    let taken: ((channel: Channel) => void) | undefined;
    const server = await serve((request) => withChannel(request, (channel) => taken?.(channel)), { port: 0 });
    const poll = await connectRaw(server.port);
    context.after(async () => {
      poll.destroy();
      await server.stop({ timeoutMs: 0 });
    });
    const parked = new Promise<Channel>((resolve) => (taken = resolve));
    poll.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const channel = await within(1000, parked, "the poll");
    assert.throws(() => channel.send(make() as Uint8Array), isRefusal);
    assert.throws(() => channel.send({ body: make() as Uint8Array }), isRefusal);
    assert.equal(channel.send("whole"), true);
    assert.equal((await poll.readResponse()).text, "whole");

    const upgraded = new Promise<Channel>((resolve) => (taken = resolve));
    const webSocket = await openWebSocket(server.port);
    const over = await within(1000, upgraded, "the WebSocket");
    assert.throws(() => over.send(make() as Uint8Array, { close: true }), isRefusal);
    assert.equal(over.send("whole"), true);
    assert.equal(await webSocket.nextMessage(), "whole");
    webSocket.client.destroy();
  });

  test(`${what}: the broadcast is refused, and parked polls wait for the next [C23]`, async (context) => {
    const store = new MemoryChannelStore();
    let joined: (() => void) | undefined;
    const hasJoined = new Promise<void>((resolve) => (joined = resolve));
    const server = await serve(
      (request) =>
        withChannel(request, (channel) => {
          store.add("lobby", channel);
          joined?.();
        }),
      { port: 0 },
    );
    const poll = await connectRaw(server.port);
    context.after(async () => {
      poll.destroy();
      await server.stop({ timeoutMs: 0 });
    });
    poll.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await within(1000, hasJoined, "the poll");
    assert.throws(() => store.broadcast("lobby", make() as Uint8Array), isRefusal);
    assert.equal(store.broadcast("lobby", "next"), 1);
    assert.equal((await poll.readResponse()).text, "next");
  });
}
