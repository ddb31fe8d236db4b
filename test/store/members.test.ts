import assert from "node:assert/strict";
import { test } from "node:test";
import { type Channel, isChannelError, MemoryChannelStore, type Position } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { collectGarbage } from "../support/resources.ts";
import { Crowd, namesIn, served } from "./crowd.ts";
import { RecordingChannel } from "./recording-channel.ts";

test("adding a channel again replaces its attachment and does not make a second member of it [CS1]", async () => {
  const store = new MemoryChannelStore<string>();
  const channel = new RecordingChannel("a", "websocket");
  store.add("lobby", channel, "first");
  store.add("lobby", channel, "second");
  assert.equal(store.size("lobby"), 1);
  assert.deepEqual(store.members("lobby"), [[channel, "second"]]);
  assert.equal(
    store.broadcast("lobby", (_channel, attachment) => attachment),
    1,
  );
  await served(store);
  assert.deepEqual(channel.received, ["second"]);
});

test("a channel may be in several groups, with an attachment for each [CS1]", async () => {
  const store = new MemoryChannelStore<number>();
  const channel = new RecordingChannel("a", "websocket");
  store.add("red", channel, 1);
  store.add("blue", channel, 2);
  assert.deepEqual(store.groups().toSorted(), ["blue", "red"]);
  store.broadcast("red", (_channel, attachment) => `red ${attachment}`);
  store.broadcast("blue", (_channel, attachment) => `blue ${attachment}`);
  await served(store);
  assert.deepEqual(channel.received, ["red 1", "blue 2"]);
  assert.equal(store.remove("red", channel), true);
  assert.equal(store.size("red"), 0);
  assert.equal(store.size("blue"), 1);
});

test("removing takes out of one group only and is true only for a member [CS2]", async () => {
  const store = new MemoryChannelStore();
  const member = new RecordingChannel("a", "websocket");
  const stranger = new RecordingChannel("b", "websocket");
  store.add("lobby", member);
  assert.equal(store.remove("lobby", stranger), false);
  assert.equal(store.remove("elsewhere", member), false);
  assert.equal(store.remove("lobby", member), true);
  assert.equal(store.remove("lobby", member), false);
  store.broadcast("lobby", "nobody");
  await served(store);
  assert.deepEqual(member.received, []);
  assert.equal(member.isOpen, true);
});

test("a group that becomes empty disappears [CS2]", () => {
  const store = new MemoryChannelStore();
  const [first, second] = [new RecordingChannel("a", "websocket"), new RecordingChannel("b", "long-polling")];
  store.add("lobby", first);
  store.add("lobby", second);
  store.remove("lobby", first);
  assert.deepEqual(store.groups(), ["lobby"]);
  second.leave();
  assert.deepEqual(store.groups(), []);
  assert.deepEqual(store.members("lobby"), []);
});

test("an unknown group takes a broadcast and gives it to nobody [CS4]", () => {
  const store = new MemoryChannelStore();
  assert.equal(store.broadcast("nowhere", { any: "value" }), 0);
  assert.equal(
    store.broadcast("nowhere", () => assert.fail("called without a member")),
    0,
  );
  assert.equal(store.size("nowhere"), 0);
  assert.deepEqual(store.groups(), []);
});

test("a channel that comes back after it was removed is a member again, and leaves by itself again [CS2]", () => {
  const store = new MemoryChannelStore();
  const channel = new RecordingChannel("a", "websocket");
  for (let round = 0; round < 3; round++) {
    store.add("lobby", channel);
    store.remove("lobby", channel);
  }
  store.add("lobby", channel);
  channel.leave();
  assert.deepEqual(store.groups(), []);
});

test("a closed channel is not taken in [CS6]", () => {
  const store = new MemoryChannelStore();
  const channel = new RecordingChannel("a", "websocket");
  channel.leave();
  assert.deepEqual(store.add("lobby", channel), { position: undefined, recovered: true });
  assert.deepEqual(store.groups(), []);
});

test("the store leaves the close handler of a channel to the application [1U-5]", () => {
  const store = new MemoryChannelStore();
  const channel = new RecordingChannel("a", "websocket");
  let sizeInHandler = -1;
  store.add("lobby", channel);
  channel.onClose(() => {
    sizeInHandler = store.size("lobby");
  });
  channel.close();
  assert.equal(sizeInHandler, 0, "the member has left before its close handler is called");
});

test("members over real connections leave by themselves, whoever ends them and however [1U-5]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSockets = [
    await crowd.webSocket("ws-fin"),
    await crowd.webSocket("ws-reset"),
    await crowd.webSocket("ws-close"),
  ];
  const polls = [await crowd.poll("poll-fin"), await crowd.poll("poll-reset")];
  const stream = await crowd.stream("stream");
  await crowd.webSocket("ws-server");
  await crowd.poll("stays");
  assert.equal(crowd.store.size("lobby"), 8);
  webSockets[0]?.client.end();
  webSockets[1]?.client.reset();
  webSockets[2]?.sendClose(1000);
  polls[0]?.end();
  polls[1]?.reset();
  stream.destroy();
  crowd.channel("ws-server").close();
  await eventually(() => assert.deepEqual(namesIn(crowd.store), ["stays"]));
});

test("joining and leaving a hundred thousand times leaves nothing behind [1U-7]", () => {
  const store = new MemoryChannelStore<number>();
  const channels = Array.from({ length: 100 }, (_, index) => new RecordingChannel(`${index}`, "websocket"));
  for (let round = 0; round < 1000; round++) {
    for (const [index, channel] of channels.entries()) store.add(`room ${index % 10}`, channel, round);
    for (const [index, channel] of channels.entries()) store.remove(`room ${index % 10}`, channel);
  }
  assert.deepEqual(store.groups(), []);
});

for (const count of [1, 16, 17, 40]) {
  test(`a channel in ${count} groups is found in each, leaves each for itself, and all when it closes [CS1, CS2]`, () => {
    const store = new MemoryChannelStore<string>();
    const channel = new RecordingChannel("a", "websocket");
    const groups = Array.from({ length: count }, (_, index) => `group ${index}`);
    const taken: string[] = [];
    for (const group of groups) store.add(group, channel, "first");
    for (const group of groups) store.add(group, channel, group);
    for (const group of groups) assert.deepEqual(store.members(group), [[channel, group]]);
    const even = groups.filter((_, index) => index % 2 === 0);
    for (const group of even) assert.equal(store.remove(group, channel), true);
    for (const group of even) assert.equal(store.remove(group, channel), false);
    assert.deepEqual(
      store.groups(),
      groups.filter((group) => !even.includes(group)),
    );
    for (const group of even) store.add(group, channel, "again");
    channel.onDeparture({ departed: () => taken.push(...store.groups()) });
    channel.leave();
    assert.deepEqual(store.groups(), []);
    assert.deepEqual(taken, [], "who came first was told first");
  });
}

test("to join and to leave takes no longer for a channel that is in thousands of groups [1U-7]", () => {
  const count = 20_000;
  const store = new MemoryChannelStore({ limits: { maxGroupsPerChannel: count } });
  const timeMs = (channelOf: (index: number) => RecordingChannel): number => {
    const startMs = performance.now();
    for (let index = 0; index < count; index++) store.add(`group ${index}`, channelOf(index));
    for (let index = count - 1; index >= 0; index--) store.remove(`group ${index}`, channelOf(index));
    return performance.now() - startMs;
  };
  const channels = Array.from({ length: count }, (_, index) => new RecordingChannel(`${index}`, "websocket"));
  const one = new RecordingChannel("one", "websocket");
  const spreadMs = timeMs((index) => channels[index] ?? one);
  const oneMs = timeMs(() => one);
  // If all of its groups were looked through each time, it would take twenty times as long.
  assert.ok(
    oneMs < spreadMs * 5,
    `${oneMs} ms for one channel in ${count} groups, ${spreadMs} ms for as many channels`,
  );
});

test("a channel that has left is let go, also of a group with a history [1U-5]", async () => {
  const store = new MemoryChannelStore<object>({ history: true });
  const join = (name: string): WeakRef<RecordingChannel> => {
    const channel = new RecordingChannel(name, "long-polling");
    store.add("lobby", channel, { name });
    return new WeakRef(channel);
  };
  const [answered, removed] = [join("a"), join("b")];
  store.remove("lobby", removed.deref() ?? assert.fail());
  store.broadcast("lobby", "value");
  await served(store);
  await collectGarbage();
  assert.equal(answered.deref(), undefined);
  assert.equal(removed.deref(), undefined);
});

test("a whole group is closed through its members, and every member leaves [1U-9]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSocket = await crowd.webSocket("a");
  const poll = await crowd.poll("b");
  const stream = await crowd.stream("c");
  for (const [channel] of crowd.store.members("lobby")) channel.close(1001, "maintenance");
  assert.equal(crowd.store.size("lobby"), 0);
  await webSocket.expectClose(1001, { reason: "maintenance" });
  assert.equal((await poll.readResponse()).status, 204);
  assert.equal((await stream.readChunk()).length, 0);
});

test("a server that stops takes all members out of their groups [1U-9]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSocket = await crowd.webSocket("a");
  const poll = await crowd.poll("b");
  await crowd.stream("c");
  const stopped = crowd.server.stop({ timeoutMs: 200 });
  await webSocket.expectClose(1001);
  assert.equal((await poll.readResponse()).status, 503);
  await stopped;
  assert.deepEqual(crowd.store.groups(), []);
});

test("what is no channel, no group name or no position is refused where it is given [CS1]", () => {
  const store = new MemoryChannelStore<string>();
  const withHistory = new MemoryChannelStore({ history: true });
  const channel = new RecordingChannel("a", "websocket");
  const isRefused = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";
  const foreign = { isOpen: true, send: () => true } as unknown as Channel;
  assert.throws(() => store.add("lobby", foreign, "x"), isRefused);
  assert.throws(() => store.add(7 as unknown as string, channel, "x"), isRefused);
  assert.throws(() => store.add("lobby", channel, "x", { since: { epoch: "", offset: 0 } }), isRefused);
  for (const since of [{}, [], new Map(), "a-1", { epoch: "a" }, { offset: 1 }, { epoch: 1, offset: 1 }]) {
    assert.throws(() => withHistory.add("lobby", channel, undefined, { since: since as Position }), isRefused);
  }
  for (const offset of ["1", null, undefined, {}, 1n]) {
    const since = { epoch: "a", offset } as Position;
    assert.throws(
      () => withHistory.add("lobby", channel, undefined, { since }),
      /^ChannelError: since.offset must be a number/,
    );
  }
  assert.throws(() => store.remove("lobby", foreign), isRefused);
  assert.throws(() => store.broadcast(7 as unknown as string, "x"), isRefused);
  assert.throws(() => new MemoryChannelStore({ format: "json" as unknown as () => string }), isRefused);
  assert.throws(() => new MemoryChannelStore({ history: { maxMessages: 0 } }), isRefused);
  assert.throws(() => new MemoryChannelStore({ history: { maxMesages: 5 } as object }), isRefused);
  assert.deepEqual(store.groups(), []);
  assert.deepEqual(withHistory.groups(), []);
});
