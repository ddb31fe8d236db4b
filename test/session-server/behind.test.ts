import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type BroadcastOptions, type Channel, MemoryChannelStore } from "../../src/index.ts";
import { maxNewestKeys } from "../../src/channel/limits.ts";
import { served } from "../store/crowd.ts";
import { eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** With it, a client that acknowledges nothing is behind. */
const filler = "x".repeat(64 * 1024);

/** A session in a group, behind by one message. */
async function setBehind(t: Parameters<typeof setSessions>[0]) {
  const stage = await setSessions(t);
  const store = new MemoryChannelStore();
  const socket = await SessionWebSocket.open(stage.port);
  const attached = await socket.attach(attachRecord(1));
  const channel = stage.channels[0] ?? assert.fail();
  store.add("all", channel);
  channel.send(filler);
  assert.equal(await socket.next(), filler);
  const dropped: Channel[] = [];
  const drop: BroadcastOptions = { whenBehind: "drop", onDrop: (each) => dropped.push(each) };
  const newest = (key: string): BroadcastOptions => ({ whenBehind: { newest: key } });
  return { ...stage, store, socket, credentials: credentialsOf(attached), channel, dropped, drop, newest };
}

/** The transport ends, and its client is away. */
async function leave({ socket, channel }: Awaited<ReturnType<typeof setBehind>>): Promise<void> {
  socket.socket.client.destroy();
  await eventually(() => assert.equal(channel.isPresent, false));
}

describe("a broadcast to a session that is behind, by what its client has acknowledged", () => {
  it("leaves it out with drop, until it has acknowledged [C127]", async (t) => {
    const { store, socket, channel, dropped, drop } = await setBehind(t);
    store.broadcast("all", "lost", drop);
    await served(store);
    assert.deepEqual(dropped, [channel]);
    socket.control({ type: "ack", received: 1 });
    await channel.drained();
    store.broadcast("all", "kept", drop);
    assert.equal(await socket.next(), "kept");
    assert.deepEqual(dropped, [channel]);
  });

  it("leaves it out with drop while its client is away, so that the session lasts [C127, P42]", async (t) => {
    const stage = await setBehind(t);
    const { store, channel, dropped, drop, port, credentials } = stage;
    await leave(stage);
    for (let index = 0; index < 5000; index += 1) store.broadcast("all", "lost", drop);
    await served(store);
    assert.equal(dropped.length, 5000);
    assert.equal(channel.isOpen, true);
    const again = await SessionWebSocket.open(port);
    assert.equal((await again.attach(attachRecord(2, { ...credentials, received: 1 }))).resumed, true);
    store.broadcast("all", "kept", drop);
    assert.equal(await again.next(), "kept");
  });

  it("ends its transport with close, with 4003; the session has the message when it is resumed [C127]", async (t) => {
    const { store, socket, channel, port, credentials, sessions } = await setBehind(t);
    store.broadcast("all", "much", { whenBehind: "close" });
    await served(store);
    assert.equal(channel.isOpen, true);
    assert.equal(channel.isPresent, false);
    await socket.socket.expectClose(4003, { reason: "slow" });
    store.broadcast("all", "more", { whenBehind: "close" });
    assert.equal(sessions.size, 1, "one that is away has no transport to lose");
    const again = await SessionWebSocket.open(port);
    const { resumed, first } = await again.attach(attachRecord(2, { ...credentials, received: 1 }));
    assert.deepEqual([resumed, first], [true, 2]);
    assert.deepEqual([await again.next(), await again.next()], ["much", "more"]);
  });

  it("ends a stream and a poll with close as it ends a WebSocket [C127]", async (t) => {
    const { port, channels, sessions } = await setSessions(t);
    const store = new MemoryChannelStore();
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })]);
    const polls = await SessionRequester.connect(port);
    const attached = attachedOf((await polls.ask([attachRecord(1, { mode: "poll" })])).records);
    for (const channel of channels) {
      store.add("all", channel);
      channel.send(filler);
    }
    const poll = (number: number, received: number) => {
      const record = { type: "poll", attach: 1, poll: number, received } as const;
      return polls.ask([record], { credentials: credentialsOf(attached) });
    };
    assert.deepEqual((await poll(1, 0)).records, [filler]);
    store.broadcast("all", "much", { whenBehind: "close" });
    await stream.client.waitForEnd();
    // As any poll of an attach that carries the session no more: its client attaches again.
    assert.deepEqual((await poll(2, 1)).records, [{ type: "detach", code: 4001, reason: "superseded" }]);
    const again = attachRecord(2, { mode: "poll", received: 1 });
    const { records } = await polls.ask([again], { credentials: credentialsOf(attached) });
    assert.deepEqual(records.slice(1), ["much"]);
    assert.equal(sessions.size, 2);
    assert.ok(channels.every(({ isOpen }) => isOpen));
  });

  it("is not taken for behind with what was kept for it, and which it only now gets [C127]", async (t) => {
    const stage = await setBehind(t);
    const { store, channel, port, credentials, dropped, drop } = stage;
    await leave(stage);
    const again = await SessionWebSocket.open(port);
    await again.attach(attachRecord(2, { ...credentials, received: 0 }));
    store.broadcast("all", "live", drop);
    store.broadcast("all", "also", { whenBehind: "close" });
    assert.deepEqual([await again.next(), await again.next(), await again.next()], [filler, "live", "also"]);
    // As much again, and it is; and when it had caught up, the usual is enough.
    channel.send(filler);
    store.broadcast("all", "lost", drop);
    await served(store);
    assert.equal(dropped.length, 1);
    assert.equal(await again.next(), filler);
    again.control({ type: "ack", received: 4 });
    await channel.drained();
    channel.send(filler);
    store.broadcast("all", "lost", drop);
    await served(store);
    assert.equal(dropped.length, 2);
  });

  it("keeps the newest of each key for it until it has acknowledged, be it there or away [C127]", async (t) => {
    const stage = await setBehind(t);
    const { store, socket, channel, newest, port, credentials } = stage;
    for (const value of ["a1", "b1", "a2"]) store.broadcast("all", value, newest(value.slice(0, 1)));
    socket.control({ type: "ack", received: 1 });
    assert.deepEqual([await socket.next(), await socket.next()], ["b1", "a2"]);
    channel.send(filler);
    assert.equal(await socket.next(), filler);
    store.broadcast("all", "a3", newest("a"));
    await leave(stage);
    for (let index = 4; index < 5000; index += 1) store.broadcast("all", `a${index}`, newest("a"));
    await served(store);
    const again = await SessionWebSocket.open(port);
    assert.equal((await again.attach(attachRecord(2, { ...credentials, received: 4 }))).resumed, true);
    assert.equal(await again.next(), "a4999");
  });

  it("ends the session as overflow when more keys wait than may [P42]", async (t) => {
    const stage = await setBehind(t);
    const { store, log, newest, sessions } = stage;
    await leave(stage);
    for (let index = 0; index <= maxNewestKeys; index += 1) store.broadcast("all", "value", newest(`key ${index}`));
    await served(store);
    assert.equal((await log.waitFor("close")).args[0], "overflow");
    assert.equal(sessions.size, 0);
  });
});
