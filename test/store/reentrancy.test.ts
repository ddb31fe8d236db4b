import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryChannelStore } from "../../src/index.ts";
import { Crowd, namesIn, served } from "./crowd.ts";
import { RecordingChannel, reported } from "./recording-channel.ts";

test("a broadcast made in a close handler reaches everyone after the broadcast it came from [CS5]", async (context) => {
  const crowd: Crowd = await Crowd.start(context, {
    beforeJoin: (channel, name) => channel.onClose(() => crowd.store.broadcast("lobby", `${name} left`)),
  });
  const poll = await crowd.poll("first");
  const webSockets = [await crowd.webSocket("a"), await crowd.webSocket("b")];
  crowd.store.broadcast("lobby", "news");
  assert.equal((await poll.readResponse()).text, "news");
  for (const webSocket of webSockets) {
    assert.equal(await webSocket.nextMessage(), "news");
    assert.equal(await webSocket.nextMessage(), "first left");
  }
});

test("polls that close in the middle of a broadcast leave the group without disturbing it [CS5]", async () => {
  const store = new MemoryChannelStore();
  const members = Array.from(
    { length: 100 },
    (_, index) => new RecordingChannel(`${index}`, index % 2 === 0 ? "long-polling" : "websocket"),
  );
  for (const member of members) store.add("lobby", member);
  assert.equal(store.broadcast("lobby", "one"), 100);
  await served(store);
  assert.equal(store.size("lobby"), 50);
  assert.equal(store.broadcast("lobby", "two"), 50);
  await served(store);
  for (const [index, member] of members.entries()) {
    assert.deepEqual(member.received, index % 2 === 0 ? ["one"] : ["one", "two"]);
  }
});

test("a channel added while a broadcast runs gets the next one and not that one [CS3]", async () => {
  const store = new MemoryChannelStore();
  const [member, late] = [new RecordingChannel("a", "websocket"), new RecordingChannel("b", "websocket")];
  store.add("lobby", member);
  store.broadcast("lobby", () => {
    store.add("lobby", late);
    return "one";
  });
  await served(store);
  store.broadcast("lobby", "two");
  await served(store);
  assert.deepEqual(member.received, ["one", "two"]);
  assert.deepEqual(late.received, ["two"]);
});

test("a member removed while a broadcast runs still gets it, since members are those of when it was made [CS3]", async () => {
  const store = new MemoryChannelStore();
  const members = ["a", "b", "c"].map((name) => new RecordingChannel(name, "websocket"));
  for (const member of members) store.add("lobby", member);
  store.broadcast("lobby", (channel) => {
    for (const other of members) if (other !== channel) store.remove("lobby", other);
    return "one";
  });
  await served(store);
  store.broadcast("lobby", "two");
  await served(store);
  assert.deepEqual(
    members.map(({ received }) => received),
    [["one"], ["one"], ["one"]],
  );
});

test("a function may close the member it is called for, or another one, and broadcast in its turn [CS5]", async () => {
  const store = new MemoryChannelStore();
  const members = ["a", "b", "c", "d"].map((name) => new RecordingChannel(name, "websocket"));
  for (const member of members) store.add("lobby", member);
  const [a, b, c, d] = members;
  store.broadcast("lobby", (channel) => {
    if (channel === a) a?.close();
    if (channel === b) c?.close();
    if (channel === d) store.broadcast("lobby", "from within");
    return "one";
  });
  await served(store);
  await served(store);
  assert.deepEqual(
    members.map(({ received }) => received),
    [[], ["one", "from within"], [], ["one", "from within"]],
  );
  assert.equal(store.size("lobby"), 2);
});

test("a close handler may move to another group, close others and throw: nobody else is disturbed [CS5]", async () => {
  const store = new MemoryChannelStore<string>();
  const members = ["a", "b", "c"].map((name) => new RecordingChannel(name, "long-polling"));
  for (const member of members) store.add("lobby", member, member.name);
  const [a, b, c] = members;
  const replacement = new RecordingChannel("a2", "long-polling");
  a?.onClose(() => {
    store.add("lobby", replacement, "a2");
    b?.close();
    throw new Error("the handler of a");
  });
  reported.length = 0;
  store.broadcast("lobby", "one");
  await served(store);
  assert.deepEqual(
    [a, b, c, replacement].map((member) => member?.received),
    [["one"], [], ["one"], []],
  );
  assert.equal(reported.length, 1);
  assert.deepEqual(namesOf(store), ["a2"]);
});

test("a close handler may take others out of the group: they still get the broadcast that runs, and none after it [CS5]", async () => {
  const store = new MemoryChannelStore();
  const members = ["a", "b", "c"].map(
    (name) => new RecordingChannel(name, name === "a" ? "long-polling" : "websocket"),
  );
  for (const member of members) store.add("lobby", member);
  const [a, b, c] = members;
  a?.onClose(() => {
    for (const member of [a, b, c]) if (member !== undefined) store.remove("lobby", member);
  });
  store.broadcast("lobby", "one");
  await served(store);
  assert.deepEqual(store.groups(), []);
  assert.equal(store.broadcast("lobby", "two"), 0);
  assert.deepEqual(
    [b, c].map((member) => member?.received),
    [["one"], ["one"]],
  );
});

test("polls that come back at once in their close handler are served once for each broadcast, without end [1U-7]", async () => {
  const store = new MemoryChannelStore();
  const answered: string[] = [];
  const park = (name: string): void => {
    const channel = new RecordingChannel(name, "long-polling");
    channel.onClose(() => {
      answered.push(name);
      park(name);
    });
    store.add("lobby", channel);
  };
  for (const name of ["a", "b", "c"]) park(name);
  for (let round = 1; round <= 3; round++) {
    store.broadcast("lobby", "value");
    await served(store);
    assert.equal(answered.length, 3 * round);
    assert.equal(store.size("lobby"), 3);
  }
});

test("broadcasts of several groups keep the order in which they were made, also from within one another [CS5]", async () => {
  const store = new MemoryChannelStore();
  const channel = new RecordingChannel("a", "websocket");
  for (const group of ["red", "green", "blue"]) store.add(group, channel);
  store.broadcast("red", () => {
    store.broadcast("green", () => {
      store.broadcast("red", "4");
      return "2";
    });
    store.broadcast("blue", "3");
    return "1";
  });
  for (let depth = 0; depth < 3; depth++) await served(store);
  assert.deepEqual(channel.received, ["1", "2", "3", "4"]);
});

test("a client that leaves while others are served leaves them their messages [CS5]", async (context) => {
  const crowd: Crowd = await Crowd.start(context, {
    beforeJoin: (channel, name) => {
      if (name === "first") channel.onClose(() => crowd.channel("second").close());
    },
  });
  await crowd.poll("first");
  const second = await crowd.webSocket("second");
  const third = await crowd.webSocket("third");
  crowd.store.broadcast("lobby", "value");
  await second.expectClose(1000);
  assert.equal(await third.nextMessage(), "value");
  assert.deepEqual(namesIn(crowd.store), ["third"]);
});

function namesOf(store: MemoryChannelStore<string>): string[] {
  return store.members("lobby").map(([, name]) => name);
}
