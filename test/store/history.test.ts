import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodePosition,
  encodeEvent,
  encodePosition,
  isChannelError,
  type JoinOptions,
  MemoryChannelStore,
  type Position,
} from "../../src/index.ts";
import type { RawClient } from "../support/raw-client.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { Crowd, namesIn, served } from "./crowd.ts";
import { RecordingChannel, reported } from "./recording-channel.ts";

type Written = { epoch: string; offset: number; recovered: boolean; messages: unknown[] };

/** What the default format wrote. */
function read(text: unknown): Written {
  assert.equal(typeof text, "string");
  return JSON.parse(String(text)) as Written;
}

function word(crowd: Crowd, group = "lobby"): string {
  const position = crowd.store.position(group);
  assert.ok(position);
  return encodePosition(position);
}

test("an event between two polls is not lost: the second poll is answered with it at once [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  const poll = await crowd.poll("a");
  crowd.store.broadcast("lobby", "one");
  const first = read((await poll.readResponse()).text);
  assert.deepEqual(first.messages, ["one"]);
  crowd.store.broadcast("lobby", "two");
  crowd.store.broadcast("lobby", { three: 3 });
  const again = await crowd.poll("a", { since: encodePosition(first) });
  const second = read((await again.readResponse()).text);
  assert.deepEqual(second, {
    group: "lobby",
    epoch: first.epoch,
    offset: 3,
    recovered: true,
    messages: ["two", { three: 3 }],
  });
  assert.deepEqual(crowd.joined("a"), { position: { epoch: first.epoch, offset: 3 }, recovered: true });
  assert.deepEqual(crowd.store.groups(), [], "it was answered and has left again");
});

test("a WebSocket and a stream get what they missed in one batch, and then what comes live [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  const since = word(crowd);
  for (const value of ["one", "two"]) crowd.store.broadcast("lobby", value);
  const webSocket = await crowd.webSocket("a", { since });
  const stream = await crowd.stream("b", { since });
  crowd.store.broadcast("lobby", "three");
  const batches = [
    [read(await webSocket.nextMessage()), read(await webSocket.nextMessage())],
    [read((await stream.readChunk()).toString()), read((await stream.readChunk()).toString())],
  ];
  for (const [missed, live] of batches) {
    assert.deepEqual([missed?.messages, missed?.offset], [["one", "two"], 2]);
    assert.deepEqual([live?.messages, live?.offset], [["three"], 3]);
  }
  assert.deepEqual(namesIn(crowd.store), ["a", "b"]);
});

test("who missed nothing is sent nothing and waits for the next message [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  crowd.store.broadcast("lobby", "before");
  const poll = await crowd.poll("a", { since: word(crowd) });
  await poll.expectNothing(50);
  assert.deepEqual(namesIn(crowd.store), ["a"]);
  crowd.store.broadcast("lobby", "next");
  assert.deepEqual(read((await poll.readResponse()).text).messages, ["next"]);
});

test("who joins without a position gets only what comes, and is told where that begins [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  crowd.store.broadcast("lobby", "before");
  const webSocket = await crowd.webSocket("a");
  assert.equal(crowd.joined("a").position?.offset, 1);
  assert.equal(crowd.joined("a").recovered, true);
  crowd.store.broadcast("lobby", "after");
  assert.deepEqual(read(await webSocket.nextMessage()).messages, ["after"]);
});

test("a position of another epoch, of the future, or no position at all is answered with recovered: false at once [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  for (const value of ["one", "two"]) crowd.store.broadcast("lobby", value);
  const [epoch = ""] = word(crowd).split("-");
  for (const since of ["0123456789abcdef-1", `${epoch}-3`, "garbage", ""]) {
    const poll = await crowd.poll("a", { since });
    assert.deepEqual(read((await poll.readResponse()).text), {
      group: "lobby",
      epoch,
      offset: 2,
      recovered: false,
      messages: [],
    });
    assert.equal(crowd.joined("a").recovered, false);
  }
  const webSocket = await crowd.webSocket("b", { since: "garbage" });
  assert.equal(read(await webSocket.nextMessage()).recovered, false);
  crowd.store.broadcast("lobby", "three");
  assert.deepEqual(read(await webSocket.nextMessage()).messages, ["three"], "it is a member from then on");
});

test("an offset that is no whole number counts as unknown, whatever the client wrote [1U-1]", () => {
  const store = new MemoryChannelStore({ history: { maxMessages: 2 } });
  for (const value of ["one", "two", "three"]) store.broadcast("lobby", value);
  const { epoch } = store.position("lobby") ?? assert.fail();
  for (const offset of [NaN, 1.5, -1, Infinity]) {
    const channel = new RecordingChannel("a", "long-polling");
    const joined = store.add("lobby", channel, undefined, { since: { epoch, offset } });
    assert.equal(joined.recovered, false, String(offset));
    assert.deepEqual(read(channel.received[0]).messages, []);
  }
});

test("the history of a group keeps as many messages as it may, and tells who comes with an older position [1U-1]", () => {
  const store = new MemoryChannelStore({ history: { maxMessages: 3 } });
  const { epoch } = store.position("lobby") ?? assert.fail();
  for (let value = 1; value <= 10; value++) store.broadcast("lobby", value);
  for (let offset = 0; offset <= 10; offset++) {
    const channel = new RecordingChannel("a", "websocket");
    const joined = store.add("lobby", channel, undefined, { since: { epoch, offset } });
    assert.equal(joined.recovered, offset >= 7, `offset ${offset}`);
    const messages = [8, 9, 10].filter((value) => value > offset);
    if (offset === 10) assert.deepEqual(channel.received, []);
    else if (offset >= 7) assert.deepEqual(read(channel.received[0]).messages, messages);
    else assert.deepEqual(read(channel.received[0]).messages, []);
  }
});

test("null is no position, as JSON writes none, with and without history [1U-1]", () => {
  const store = new MemoryChannelStore({ history: true });
  for (let value = 1; value <= 3; value++) store.broadcast("lobby", value);
  const channel = new RecordingChannel("a", "websocket");
  const { since } = JSON.parse('{ "since": null }') as { since: null };
  assert.equal(store.add("lobby", channel, undefined, { since, last: 2 }).recovered, true);
  assert.deepEqual(
    channel.received.map((text) => read(text).messages),
    [[2, 3]],
  );
  assert.deepEqual(new MemoryChannelStore().add("lobby", channel, undefined, { since }).recovered, true);
});

test("a channel that is a member already is not sent the last messages again, and is by a position [1U-1]", () => {
  const store = new MemoryChannelStore<string>({ history: true });
  const { epoch } = store.position("lobby") ?? assert.fail();
  for (let value = 1; value <= 3; value++) store.broadcast("lobby", value);
  const channel = new RecordingChannel("a", "websocket");
  const messages = (): unknown[] => channel.received.splice(0).map((text) => read(text).messages);
  store.add("lobby", channel, "first", { last: 2 });
  assert.deepEqual(messages(), [[2, 3]]);
  const again = store.add("lobby", channel, "second", { last: 2 });
  assert.deepEqual(messages(), []);
  assert.deepEqual(again, { position: { epoch, offset: 3 }, recovered: true });
  assert.deepEqual(store.members("lobby"), [[channel, "second"]]);
  store.add("lobby", channel, "third", { since: { epoch, offset: 1 }, last: 2 });
  assert.deepEqual(messages(), [[2, 3]]);
  store.remove("lobby", channel);
  store.add("lobby", channel, "fourth", { last: 1 });
  assert.deepEqual(messages(), [[3]]);
});

test("who asks for the last messages gets them in one batch, once, if no position says what it has seen [1U-1]", () => {
  const store = new MemoryChannelStore({ history: { maxMessages: 4 } });
  const join = (options: JoinOptions): unknown => {
    const channel = new RecordingChannel("a", "websocket");
    store.add("lobby", channel, undefined, options);
    return channel.received.map((text) => read(text)).map(({ recovered, messages }) => [recovered, messages]);
  };
  assert.deepEqual(join({ last: 2 }), [], "there are none yet");
  const { epoch } = store.position("lobby") ?? assert.fail();
  for (let value = 1; value <= 9; value++) store.broadcast("lobby", value);
  assert.deepEqual(join({ last: 2 }), [[true, [8, 9]]]);
  assert.deepEqual(join({ last: 1000 }), [[true, [6, 7, 8, 9]]]);
  assert.deepEqual(join({ last: 3, since: { epoch, offset: 8 } }), [[true, [9]]], "it has seen the others");
  assert.deepEqual(join({ last: 3, since: { epoch, offset: 9 } }), []);
  assert.deepEqual(join({ last: 3, since: { epoch, offset: 1 } }), [[false, [7, 8, 9]]]);
  const invalid = { name: "ChannelError", code: "INVALID_ARGUMENT" };
  for (const last of [0, -1, 1.5, NaN, "2"]) assert.throws(() => join({ last: last as number }), invalid, String(last));
  const forgetful = new MemoryChannelStore();
  assert.throws(() => forgetful.add("lobby", new RecordingChannel("a", "websocket"), undefined, { last: 1 }), invalid);
});

test("what is broadcast outside of the history reaches members of now, and takes nobody's position back [1U-1]", async (context) => {
  const crowd = await Crowd.start(context, { history: true });
  const { store } = crowd;
  store.broadcast("lobby", "one");
  const since = word(crowd);
  const poll = await crowd.poll("a", { since });
  store.broadcast("lobby", "a types", { history: false });
  const answer = read((await poll.readResponse()).text);
  assert.deepEqual([encodePosition(answer), answer.messages], [since, ["a types"]]);
  const webSocket = await crowd.webSocket("b", { since });
  store.broadcast("lobby", () => "b types", { history: false });
  store.broadcast("lobby", "two");
  assert.deepEqual(
    [read(await webSocket.nextMessage()), read(await webSocket.nextMessage())].map(({ offset, messages }) => [
      offset,
      messages,
    ]),
    [
      [1, ["b types"]],
      [2, ["two"]],
    ],
  );
  const again = await crowd.poll("a", { since });
  assert.deepEqual(read((await again.readResponse()).text).messages, ["two"]);
  const misuse = (): unknown => store.broadcast("lobby", "x", { history: "no" as unknown as boolean });
  assert.throws(misuse, { name: "ChannelError", code: "INVALID_ARGUMENT" });
});

test("the history of a group keeps as many bytes as it may, as they go out [1U-1]", () => {
  const bytesOfOne = JSON.stringify({
    group: "lobby",
    epoch: "0".repeat(16),
    offset: 1,
    recovered: true,
    messages: ["xxxx"],
  }).length;
  const store = new MemoryChannelStore({ history: { maxBytes: 2 * bytesOfOne } });
  const { epoch } = store.position("lobby") ?? assert.fail();
  for (let count = 0; count < 5; count++) store.broadcast("lobby", "xxxx");
  const recovers = (offset: number): boolean =>
    store.add("lobby", new RecordingChannel("a", "long-polling"), undefined, { since: { epoch, offset } }).recovered;
  assert.deepEqual([2, 3, 4, 5].map(recovers), [false, true, true, true]);
  store.broadcast("lobby", "x".repeat(1000));
  assert.deepEqual([5, 6].map(recovers), [false, true], "one that is too large by itself is not kept");
});

test("the history of a group keeps messages as long as it may [1U-1]", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const store = new MemoryChannelStore({ history: { maxAgeMs: 60_000 } });
  const { epoch } = store.position("lobby") ?? assert.fail();
  const recovers = (offset: number): boolean =>
    store.add("lobby", new RecordingChannel("a", "long-polling"), undefined, { since: { epoch, offset } }).recovered;
  store.broadcast("lobby", "one");
  context.mock.timers.tick(30_000);
  store.broadcast("lobby", "two");
  context.mock.timers.tick(30_000);
  assert.deepEqual([0, 1, 2].map(recovers), [true, true, true]);
  context.mock.timers.tick(1);
  assert.deepEqual([0, 1, 2].map(recovers), [false, true, true]);
  context.mock.timers.tick(30_000);
  assert.deepEqual([0, 1, 2].map(recovers), [false, false, true], "the position outlives the messages");
});

test("an empty group keeps its position for as long as its messages, then it is forgotten [CS2]", (context) => {
  context.mock.timers.enable({ apis: ["Date", "setInterval"], now: 1_000_000 });
  const store = new MemoryChannelStore({ history: { maxAgeMs: 10_000 } });
  const channel = new RecordingChannel("a", "websocket");
  store.add("lobby", channel);
  store.broadcast("lobby", "one");
  const since = store.position("lobby");
  context.mock.timers.tick(60_000);
  channel.leave();
  assert.deepEqual(store.groups(), [], "it has no members");
  context.mock.timers.tick(9_000);
  const back = new RecordingChannel("b", "websocket");
  assert.equal(store.add("lobby", back, undefined, { since }).recovered, true);
  back.leave();
  context.mock.timers.tick(9_000);
  assert.deepEqual(store.position("lobby"), since, "asking for it counts as use");
  context.mock.timers.tick(12_000);
  assert.notEqual(store.position("lobby")?.epoch, since?.epoch);
});

test("a group with members is never forgotten, however long nothing happens in it [CS2]", (context) => {
  context.mock.timers.enable({ apis: ["Date", "setInterval"], now: 1_000_000 });
  const store = new MemoryChannelStore({ history: { maxAgeMs: 10_000, maxEmptyGroups: 1 } });
  const channel = new RecordingChannel("a", "websocket");
  const { position } = store.add("lobby", channel);
  store.position("other");
  store.position("another");
  context.mock.timers.tick(1_000_000);
  assert.deepEqual(store.position("lobby"), position);
  assert.equal(store.size("lobby"), 1);
});

test("of too many empty groups the one left longest ago is forgotten [CS2]", () => {
  const store = new MemoryChannelStore({ history: { maxEmptyGroups: 3 } });
  const positionOf = new Map(["a", "b", "c"].map((group) => [group, store.position(group)]));
  const channel = new RecordingChannel("x", "websocket");
  store.add("a", channel);
  channel.leave();
  store.position("d");
  const kept = ["a", "c", "d"];
  const before = kept.map((group) => [group, store.position(group)]);
  assert.deepEqual(before[0], ["a", positionOf.get("a")], "a was left last and is kept");
  assert.deepEqual(before[1], ["c", positionOf.get("c")]);
  assert.notDeepEqual(store.position("b"), positionOf.get("b"), "b was left longest ago");
});

test("a refused value takes no position and changes no history [CS3]", () => {
  const store = new MemoryChannelStore({ history: true });
  const since = store.position("lobby");
  for (const value of [10n, undefined, Buffer.from("bytes")]) {
    assert.throws(
      () => store.broadcast("lobby", value as unknown as string),
      (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
    );
  }
  assert.deepEqual(store.position("lobby"), since);
});

test("a function in the history is called with the attachment of the one who comes back; undefined leaves a message out [1U-1]", () => {
  const store = new MemoryChannelStore<string>({ history: true });
  const since = store.position("lobby");
  store.broadcast("lobby", "for all");
  store.broadcast("lobby", (_channel, attachment) => `for ${attachment}`);
  store.broadcast("lobby", (_channel, attachment) => (attachment === "a" ? undefined : "not for a"));
  store.broadcast("lobby", () => assert.fail("of this message"));
  reported.length = 0;
  const [a, b] = [new RecordingChannel("a", "websocket"), new RecordingChannel("b", "websocket")];
  store.add("lobby", a, "a", { since });
  store.add("lobby", b, "b", { since });
  assert.deepEqual(read(a.received[0]).messages, ["for all", "for a"]);
  assert.deepEqual(read(b.received[0]).messages, ["for all", "for b", "not for a"]);
  assert.equal(read(b.received[0]).offset, 4);
  assert.equal(reported.length, 2, "what throws is left out and reported");
});

test("a broadcast that a function in the history makes follows what is caught up, and is not lost on a poll [1U-1] [CS5]", async () => {
  for (const kind of ["long-polling", "websocket"] as const) {
    const store = new MemoryChannelStore({ history: true });
    const since = store.position("lobby");
    let isFirst = true;
    store.broadcast("lobby", "one");
    store.broadcast("lobby", () => {
      if (isFirst) store.broadcast("lobby", "three");
      isFirst = false;
      return "two";
    });
    const member = new RecordingChannel("a", kind);
    store.add("lobby", member, undefined, { since });
    await served(store);
    assert.deepEqual(read(member.received[0]).messages, ["one", "two"]);
    assert.equal(read(member.received[0]).offset, 2);
    const next = new RecordingChannel("b", kind);
    if (kind === "long-polling") store.add("lobby", next, undefined, { since: { ...since, offset: 2 } as Position });
    const third = kind === "long-polling" ? next.received[0] : member.received[1];
    assert.deepEqual(read(third).messages, ["three"]);
    assert.equal(read(third).offset, 3);
  }
});

test("who was left out of everything since has missed nothing: a poll stays parked [1U-1]", () => {
  const store = new MemoryChannelStore<string>({ history: true });
  const since = store.position("lobby");
  store.broadcast("lobby", (_channel, attachment) => (attachment === "a" ? undefined : "not for a"));
  const poll = new RecordingChannel("a", "long-polling");
  assert.equal(store.add("lobby", poll, "a", { since }).recovered, true);
  assert.deepEqual(poll.received, []);
  assert.equal(poll.isOpen, true);
});

test("a format writes events whose ids are positions: a reader comes back with the last one and misses nothing [1U-8]", async (context) => {
  const crowd = await Crowd.start(context, {
    history: true,
    format: ({ messages }) =>
      messages
        .map(({ position, value }) => encodeEvent({ id: encodePosition(position), data: String(value) }))
        .join(""),
  });
  const first = await crowd.stream("a", { since: word(crowd) });
  crowd.store.broadcast("lobby", "one");
  crowd.store.broadcast("lobby", "two\nlines");
  const one = (await first.readChunk()).toString();
  const two = (await first.readChunk()).toString();
  const [epoch] = word(crowd).split("-");
  assert.equal(one, `id: ${epoch}-1\ndata: one\n\n`);
  assert.equal(two, `id: ${epoch}-2\ndata: two\ndata: lines\n\n`);
  first.destroy();
  crowd.store.broadcast("lobby", "three");
  crowd.store.broadcast("lobby", "four");
  const lastId = /^id: (.*)$/m.exec(one)?.[1] ?? "";
  const second = await crowd.stream("a", { since: lastId });
  const batch = (await second.readChunk()).toString();
  assert.deepEqual(batch.match(/^data: .*$/gm), ["data: two", "data: lines", "data: three", "data: four"]);
});

test("who joins in the middle of a broadcast over several turns gets it from the history, and once only [1U-3]", async () => {
  const store = new MemoryChannelStore({ history: true });
  const members = Array.from({ length: 20 }, (_, index) => new RecordingChannel(`${index}`, "websocket"));
  const since = store.position("lobby");
  for (const member of members) store.add("lobby", member);
  store.broadcast("lobby", () => {
    busyWait(2);
    return "slow";
  });
  assert.equal(members.at(-1)?.received.length, 0, "it is still on its way");
  const late = new RecordingChannel("late", "websocket");
  store.add("lobby", late, undefined, { since });
  store.broadcast("lobby", "next");
  await served(store);
  for (const channel of [...members, late]) {
    assert.deepEqual(
      channel.received.map((text) => read(text).messages),
      [["slow"], ["next"]],
      channel.name,
    );
  }
});

test("a member that is added again in the middle of a broadcast gets that broadcast from the history or live, never twice [1U-3]", async () => {
  const store = new MemoryChannelStore({ history: true });
  const members = Array.from({ length: 20 }, (_, index) => new RecordingChannel(`${index}`, "websocket"));
  const since = store.position("lobby");
  for (const member of members) store.add("lobby", member);
  store.broadcast("lobby", () => {
    busyWait(2);
    return "1";
  });
  store.broadcast("lobby", "2");
  const [last, lastButOne] = [members[19] ?? assert.fail(), members[18] ?? assert.fail()];
  assert.deepEqual([last.received, lastButOne.received], [[], []], "both are still on their way");
  store.add("lobby", last, undefined, { since });
  store.add("lobby", lastButOne, undefined, { since: store.position("lobby") });
  store.broadcast("lobby", "3");
  await served(store);
  assert.deepEqual(
    last.received.flatMap((text) => read(text).messages),
    ["1", "2", "3"],
  );
  assert.deepEqual(
    lastButOne.received.flatMap((text) => read(text).messages),
    ["3"],
    "it said that it has seen the other two",
  );
  assert.deepEqual(
    members[17]?.received.flatMap((text) => read(text).messages),
    ["1", "2", "3"],
  );
});

test("clients that poll with their position get every message once and in order, whenever they come [1U-1]", async (context) => {
  const random = new Random(seedFromEnvironment());
  context.diagnostic(`CHANNELKIT_SEED=${random.seed}`);
  const crowd = await Crowd.start(context, { history: true });
  const start = word(crowd);
  const total = 200;
  const poll = async (client: RawClient, name: string): Promise<void> => {
    const got: unknown[] = [];
    let since = start;
    while (got.length < total) {
      client.write(`GET /${name}?group=lobby&since=${since} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      const batch = read((await client.readResponse()).text);
      assert.ok(batch.recovered);
      got.push(...batch.messages);
      assert.deepEqual(decodePosition(encodePosition(batch)), { epoch: batch.epoch, offset: got.length });
      since = encodePosition(batch);
      for (let pauses = random.int(0, 3); pauses > 0; pauses--) await new Promise(setImmediate);
    }
    assert.deepEqual(
      got,
      Array.from({ length: total }, (_, index) => index),
    );
  };
  const clients = await Promise.all(["a", "b", "c", "d"].map((name) => crowd.poll(name)));
  crowd.store.broadcast("lobby", 0);
  for (const client of clients) await client.readResponse();
  const done = Promise.all(clients.map((client, index) => poll(client, `client${index}`)));
  for (let value = 1; value < total; value++) {
    crowd.store.broadcast("lobby", value);
    for (let pauses = random.int(0, 2); pauses > 0; pauses--) await new Promise(setImmediate);
  }
  await done;
});

function busyWait(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
