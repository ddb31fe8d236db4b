import assert from "node:assert/strict";
import { setImmediate as nextCheck } from "node:timers/promises";
import { afterEach, describe, it } from "node:test";
import { type BroadcastOptions, type Channel, isChannelError, MemoryChannelStore } from "../../src/index.ts";
import { maxNewestBytes, maxNewestKeys } from "../../src/channel/limits.ts";
import { eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { nextBytes, nextMessages, Stage } from "./behind-stage.ts";
import { served } from "./crowd.ts";
import { RecordingChannel } from "./recording-channel.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("a broadcast to members of which some are behind", () => {
  it("waits for them by default, and closes them as overflow when more waits than may [C127]", async (t) => {
    const stage = await Stage.set(t);
    const slow = await stage.webSocket("slow");
    slow.client.pause();
    await stage.fill("slow");
    const part = "y".repeat(256 * 1024);
    for (const options of [undefined, {}, { whenBehind: "wait" as const }]) {
      stage.store.broadcast("all", part, options);
      await served(stage.store);
      assert.equal(stage.channel("slow").isOpen, true);
    }
    stage.store.broadcast("all", part);
    assert.deepEqual((await stage.log.waitFor("close slow")).args, ["overflow", 1013]);
  });

  it("leaves them out and says so, with drop; a poll that is parked is never behind [C127]", async (t) => {
    const stage = await Stage.set(t);
    const sockets = [await stage.webSocket("slow"), await stage.webSocket("quick")] as const;
    const streams = [await stage.stream("slow-stream"), await stage.stream("quick-stream")] as const;
    const poll = await stage.poll("poll");
    for (const client of [sockets[0].client, streams[0]]) client.pause();
    const fillers = [await stage.fill("slow"), await stage.fill("slow-stream")] as const;
    const dropped: Channel[] = [];
    const options: BroadcastOptions = { whenBehind: "drop", onDrop: (channel) => dropped.push(channel) };
    assert.equal(stage.store.broadcast("all", "lost", options), 5);
    await served(stage.store);
    assert.deepEqual(dropped, [stage.channel("slow"), stage.channel("slow-stream")]);
    assert.equal(await sockets[1].nextMessage(), "lost");
    assert.equal((await streams[1].readChunk()).toString(), "lost");
    assert.equal((await poll.readResponse()).text, "lost");
    for (const client of [sockets[0].client, streams[0]]) client.resume();
    for (const name of ["slow", "slow-stream"]) await stage.channel(name).drained();
    stage.store.broadcast("all", "kept", options);
    assert.deepEqual(await nextMessages(sockets[0], fillers[0], 1), ["kept"]);
    assert.equal(await nextBytes(streams[0], fillers[1], 4), "kept");
    assert.equal(dropped.length, 2);
    assert.deepEqual(stage.errors, []);
  });

  it("closes them at once, with close: a WebSocket with 1013, a stream by a cut [C127]", async (t) => {
    const stage = await Stage.set(t);
    const [slow, quick] = [await stage.webSocket("slow"), await stage.webSocket("quick")];
    const stream = await stage.stream("stream");
    for (const client of [slow.client, stream]) client.pause();
    const fillers = await stage.fill("slow");
    await stage.fill("stream");
    assert.equal(stage.store.broadcast("all", "much", { whenBehind: "close" }), 3);
    assert.equal(await quick.nextMessage(), "much");
    for (const name of ["slow", "stream"]) {
      assert.deepEqual((await stage.log.waitFor(`close ${name}`)).args, ["overflow", 1013]);
    }
    await eventually(() => assert.equal(stage.store.size("all"), 1));
    for (const client of [slow.client, stream]) client.resume();
    await nextMessages(slow, fillers, 0);
    await slow.expectClose(1013);
    await stream.waitForEnd();
    assert.equal(stream.received.includes("much"), false);
  });

  it("keeps the newest of each key for them until they have caught up, with newest [C127]", async (t) => {
    const stage = await Stage.set(t);
    const sockets = [await stage.webSocket("slow"), await stage.webSocket("quick")] as const;
    const stream = await stage.stream("stream");
    for (const client of [sockets[0].client, stream]) client.pause();
    const fillers = [await stage.fill("slow"), await stage.fill("stream")] as const;
    const all = ["a1", "b1", "a2", "c1", "a3", "b2"];
    for (const value of all) stage.store.broadcast("all", value, { whenBehind: { newest: value.slice(0, 1) } });
    assert.deepEqual(await nextMessages(sockets[1], 0, all.length), all);
    for (const client of [sockets[0].client, stream]) client.resume();
    assert.deepEqual(await nextMessages(sockets[0], fillers[0], 3), ["c1", "a3", "b2"]);
    assert.equal(await nextBytes(stream, fillers[1], 6), "c1a3b2");
    for (const value of ["a4", "a5"]) stage.store.broadcast("all", value, { whenBehind: { newest: "a" } });
    assert.deepEqual(await nextMessages(sockets[0], 0, 2), ["a4", "a5"], "who is not behind gets all of them");
    assert.equal(await nextBytes(stream, 0, 4), "a4a5");
  });

  it("never brings an older message behind a newer one of its key [C127]", async (t) => {
    const mebibyte = 2 ** 20;
    const limits = { softBufferedBytes: 4 * mebibyte, maxBufferedBytes: 64 * mebibyte };
    const stage = await Stage.set(t, { limits });
    const slow = await stage.webSocket("slow");
    const channel = stage.channel("slow");
    const whenBehind = { newest: "count" };
    slow.client.pause();
    channel.send("x".repeat(12 * mebibyte));
    await nextCheck();
    // There will be a time when nothing waits but this, which is less than the soft limit and more than the network takes
    // at once: the member is behind no more, and what waits for that has not left yet.
    channel.send("y".repeat(limits.softBufferedBytes - 100));
    stage.store.broadcast("all", "1", { whenBehind });
    while (channel.bufferedAmount >= limits.softBufferedBytes) {
      slow.client.resume();
      await nextCheck();
      slow.client.pause();
      await nextCheck();
    }
    assert.ok(channel.bufferedAmount > 0);
    stage.store.broadcast("all", "2", { whenBehind });
    slow.client.resume();
    await channel.flushed();
    await nextCheck();
    channel.send("end");
    assert.deepEqual(await nextMessages(slow, 2, 2), ["2", "end"]);
  });

  it("bounds what it keeps for one by keys and by bytes, over all groups: beyond, it closes as overflow [C127, P42]", async (t) => {
    const stage = await Stage.set(t);
    for (const by of ["keys", "bytes"]) {
      const slow = await stage.webSocket(by);
      slow.client.pause();
      await stage.fill(by);
      for (const group of ["all", "other"]) stage.store.add(group, stage.channel(by));
      const value = by === "keys" ? "v" : "v".repeat(maxNewestBytes / 4);
      const most = by === "keys" ? maxNewestKeys : 3;
      const send = (index: number): unknown =>
        stage.store.broadcast(index % 2 === 0 ? "all" : "other", value, { whenBehind: { newest: `key ${index}` } });
      for (let index = 0; index < most; index += 1) send(index);
      for (let index = 0; index < most; index += 1) send(index);
      await served(stage.store);
      assert.equal(stage.channel(by).isOpen, true, "in place of one that waits, any number may come");
      send(most);
      assert.deepEqual((await stage.log.waitFor(`close ${by}`)).args, ["overflow", 1013]);
    }
  });

  it("brings nothing that waited of a group that its member has left [C127]", async (t) => {
    const stage = await Stage.set(t);
    const slow = await stage.webSocket("slow");
    const channel = stage.channel("slow");
    stage.store.add("other", channel);
    slow.client.pause();
    const fillers = await stage.fill("slow");
    stage.store.broadcast("all", "left", { whenBehind: { newest: "key" } });
    stage.store.broadcast("other", "stayed", { whenBehind: { newest: "key" } });
    await served(stage.store);
    stage.store.remove("all", channel);
    slow.client.resume();
    assert.deepEqual(await nextMessages(slow, fillers, 1), ["stayed"]);
    channel.send("end");
    assert.equal(await slow.nextMessage(), "end");
  });

  it("asks a function for each member, and leaves out those for which it has nothing [C127]", async (t) => {
    const stage = await Stage.set(t);
    const slow = await stage.webSocket("slow");
    slow.client.pause();
    const fillers = await stage.fill("slow");
    const dropped: Channel[] = [];
    const onDrop = (channel: Channel): unknown => dropped.push(channel);
    stage.store.broadcast("all", () => undefined, { whenBehind: "drop", onDrop });
    stage.store.broadcast("all", () => undefined, { whenBehind: "close" });
    await served(stage.store);
    assert.deepEqual(dropped, []);
    stage.store.broadcast("all", () => "dropped", { whenBehind: "drop", onDrop });
    await served(stage.store);
    assert.deepEqual(dropped, [stage.channel("slow")]);
    for (const value of ["1", "2"]) stage.store.broadcast("all", () => value, { whenBehind: { newest: "" } });
    await served(stage.store);
    slow.client.resume();
    assert.deepEqual(await nextMessages(slow, fillers, 1), ["2"]);
  });

  it("reports what onDrop throws, and what its promise rejects with [C127]", async (t) => {
    const stage = await Stage.set(t);
    const slow = await stage.webSocket("slow");
    slow.client.pause();
    await stage.fill("slow");
    const thrown = new Error("thrown");
    const onDrop = [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ];
    for (const [index, each] of onDrop.entries()) {
      stage.store.broadcast("all", "dropped", { whenBehind: "drop", onDrop: each });
      await eventually(() => assert.equal(stage.errors.length, index + 1));
      const { details, cause } = stage.errors[index] ?? assert.fail();
      assert.deepEqual(details, { handler: "onDrop", channelId: stage.channel("slow").id });
      assert.equal(cause, thrown);
    }
  });
});

describe("whenBehind", () => {
  const wrong: [unknown, RegExp, withHistory?: boolean][] = [
    [{ whenBehind: "later" }, /whenBehind must be "wait", "close", "drop" or \{ newest: key \}/],
    [{ whenBehind: null }, /whenBehind/],
    [{ whenBehind: {} }, /whenBehind\.newest must be a string/],
    [{ whenBehind: { newest: 1 } }, /whenBehind\.newest must be a string/],
    [{ whenBehind: { newest: "a", oldest: "b" } }, /only newest/],
    [{ onDrop: () => undefined }, /onDrop must be a function, and only with whenBehind: "drop"/],
    [{ whenBehind: "close", onDrop: () => undefined }, /onDrop/],
    [{ whenBehind: "drop", onDrop: "log" }, /onDrop/],
    [{ whenBehind: "drop", close: true }, /close must be left out with whenBehind drop/],
    [{ whenBehind: { newest: "a" }, close: true }, /close must be left out with whenBehind newest/],
    [{ whenBehind: "drop" }, /unless history is false: positions have no gaps/, true],
    [{ whenBehind: { newest: "a" } }, /store with history/, true],
    [{ whenBehind: { newest: "a" }, history: false }, /store with history/, true],
  ];

  it("refuses what cannot be, and what would spoil the positions of a history; nobody gets anything [C24]", () => {
    for (const [options, text, history = false] of wrong) {
      const store = new MemoryChannelStore({ history });
      const channel = new RecordingChannel("a", "websocket");
      store.add("all", channel);
      const broadcast = (): number => store.broadcast("all", "value", options as BroadcastOptions);
      assert.throws(
        broadcast,
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT" && text.test(error.message),
      );
      assert.deepEqual(channel.received, []);
    }
  });

  it("closes, and drops what is not kept, in a store with history, too [C127]", async (t) => {
    const stage = await Stage.set(t, { history: true });
    const [slow, quick] = [await stage.webSocket("slow"), await stage.webSocket("quick")];
    slow.client.pause();
    await stage.fill("slow");
    stage.store.broadcast("all", "typing", { whenBehind: "drop", history: false });
    stage.store.broadcast("all", "news", { whenBehind: "close" });
    assert.deepEqual((await stage.log.waitFor("close slow")).args, ["overflow", 1013]);
    const values = (await nextMessages(quick, 0, 2)).map((text) => JSON.parse(String(text)) as { messages: unknown });
    assert.deepEqual(
      values.map(({ messages }) => messages),
      [["typing"], ["news"]],
    );
  });
});
