import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { MemoryChannelStore } from "../../src/index.ts";
import { dial, received } from "../client/site.ts";
import { deflateMessage, inflateMessage } from "../support/deflate.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionWebSocket } from "./session-client.ts";
import { messagesOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const offer = { extensions: "permessage-deflate; client_max_window_bits" };
const long = "a text that is long enough to be compressed. ".repeat(100);
const serveOptions = { compression: true };

describe("a session over a WebSocket that compresses", () => {
  it("gets long messages compressed, and control records and short ones as they are", async (t) => {
    const { port, channels, log } = await setSessions(t, {}, serveOptions);
    const socket = await SessionWebSocket.open(port, offer);
    await socket.attach(attachRecord(1));
    channels[0]?.send(long);
    const frame = await socket.socket.nextFrame();
    assert.equal(frame.rsv, 4);
    assert.ok(frame.payload.length < long.length / 10);
    assert.equal(inflateMessage(frame.payload).toString(), long);
    channels[0]?.send("short");
    assert.equal((await socket.socket.nextFrame()).rsv, 0);
    socket.socket.sendText(deflateMessage(long), { rsv: 4 });
    assert.equal((await log.waitFor("message")).args[0], long);
  });

  it("shares the compressed bytes of a broadcast, and gets again compressed what was lost", async (t) => {
    const { port, channels } = await setSessions(t, {}, serveOptions);
    const store = new MemoryChannelStore();
    const first = await SessionWebSocket.open(port, offer);
    const attached = await first.attach(attachRecord(1));
    const other = await SessionWebSocket.open(port, offer);
    await other.attach(attachRecord(1));
    for (const channel of channels) store.add("all", channel);
    store.broadcast("all", long);
    const bytes = await first.nextFrameBytes();
    assert.deepEqual(await other.nextFrameBytes(), bytes);
    first.socket.client.reset();
    const again = await SessionWebSocket.open(port, offer);
    const second = await again.attach(attachRecord(2, credentialsOf(attached)));
    assert.equal(second.resumed, true);
    assert.deepEqual(await again.nextFrameBytes(), bytes);
    // One that does not compress gets it as it is.
    again.socket.client.reset();
    const plain = await SessionWebSocket.open(port);
    await plain.attach(attachRecord(3, credentialsOf(second)));
    assert.equal(await plain.next(), long);
  });

  it("carries text and bytes of a client with ws, in order", async (t) => {
    const { server, log } = await setSessions(t, {}, serveOptions);
    const client = dial(t, server.url, { transports: ["websocket"] });
    const messages = ["", "short", long, new Uint8Array(5000), new Uint8Array(0), "last"];
    for (const message of messages) client.channel.send(message);
    await client.log.waitFor("receive", { count: messages.length });
    const plain = (each: unknown): unknown => (each instanceof Uint8Array ? Uint8Array.from(each) : each);
    assert.deepEqual(received(client).map(plain), messages);
    assert.deepEqual(messagesOf(log).map(plain), messages);
  });
});
