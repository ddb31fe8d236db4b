import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { MemoryChannelStore } from "../../src/index.ts";
import { Crowd, served } from "./crowd.ts";
import { encoded, RecordingChannel } from "./recording-channel.ts";

/** A value that counts how often it is turned into JSON. */
function counted(value: unknown): { readonly calls: number; toJSON(): unknown } {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    toJSON() {
      calls += 1;
      return value;
    },
  };
}

/** What was written to sockets and has this text in it. */
function buffersWith(text: string, writes: readonly { readonly arguments: readonly unknown[] }[]): Buffer[] {
  return writes
    .map(({ arguments: [bytes] }) => bytes)
    .filter((bytes): bytes is Buffer => Buffer.isBuffer(bytes) && bytes.includes(text));
}

test("a value is turned into JSON once, whatever the number of members over real connections [1U-2]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSockets = await Promise.all(Array.from({ length: 20 }, (_, index) => crowd.webSocket(`ws${index}`)));
  const streams = await Promise.all(Array.from({ length: 10 }, (_, index) => crowd.stream(`s${index}`)));
  const polls = await Promise.all(Array.from({ length: 10 }, (_, index) => crowd.poll(`p${index}`)));
  const value = counted({ some: "value" });
  assert.equal(crowd.store.broadcast("lobby", value), 40);
  for (const webSocket of webSockets) assert.equal(await webSocket.nextMessage(), '{"some":"value"}');
  for (const stream of streams) assert.equal((await stream.readChunk()).toString(), '{"some":"value"}');
  for (const poll of polls) assert.equal((await poll.readResponse()).text, '{"some":"value"}');
  assert.equal(value.calls, 1);
});

test("all members of a kind are written the very same bytes, framed once for all of them [1U-2]", async (context) => {
  const crowd = await Crowd.start(context);
  const clients = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => [
      (await crowd.webSocket(`ws${index}`)).client,
      await crowd.stream(`s${index}`),
      await crowd.poll(`p${index}`),
    ]),
  );
  const written = context.mock.method(Socket.prototype, "write").mock;
  crowd.store.broadcast("lobby", "the shared value");
  for (const client of clients.flat()) await client.readUntil("the shared value");
  const carriers = buffersWith("the shared value", written.calls);
  assert.equal(carriers.length, 30);
  assert.equal(new Set(carriers).size, 3, "a frame, a chunk and a response");
});

test("several values in one turn leave in one write, which all members share as well [1U-2]", async (context) => {
  const crowd = await Crowd.start(context);
  const sockets = await Promise.all(Array.from({ length: 10 }, (_, index) => crowd.webSocket(`ws${index}`)));
  const written = context.mock.method(Socket.prototype, "write").mock;
  // The clock stands still, lest a machine that stops for a while makes a second turn of it.
  context.mock.method(performance, "now", () => 1);
  for (const value of ["first", "second", "third"]) crowd.store.broadcast("lobby", value);
  for (const socket of sockets) {
    for (const value of ["first", "second", "third"]) assert.equal(await socket.nextMessage(), value);
  }
  const carriers = buffersWith("first", written.calls);
  assert.equal(carriers.length, 10);
  assert.equal(new Set(carriers).size, 1);
  assert.ok(carriers[0]?.includes("third"));
});

test("each wire format is encoded once and its bytes are the same object for all members, in any order of kinds [1U-2]", async () => {
  const store = new MemoryChannelStore();
  const kinds = ["websocket", "long-polling", "http-streaming"] as const;
  const members = Array.from(
    { length: 300 },
    (_, index) => new RecordingChannel(`${index}`, kinds[index % kinds.length] ?? "websocket"),
  );
  for (const member of members) store.add("lobby", member);
  const before = { ...encoded };
  store.broadcast("lobby", { some: "value" });
  await served(store);
  for (const kind of kinds) assert.equal(encoded[kind] - before[kind], 1, kind);
  for (const [index, member] of members.entries()) {
    assert.equal(member.wire.length, 1);
    assert.equal(member.wire[0], members[index % kinds.length]?.wire[0], "shared, not equal");
  }
});

test("with history a value is turned into JSON once for the broadcast and once for each member that comes back [1U-2]", async () => {
  const store = new MemoryChannelStore({ history: true });
  const since = store.position("lobby");
  for (let index = 0; index < 50; index++) store.add("lobby", new RecordingChannel(`${index}`, "websocket"));
  const value = counted("v");
  store.broadcast("lobby", value);
  await served(store);
  assert.equal(value.calls, 1);
  store.add("lobby", new RecordingChannel("late", "websocket"), undefined, { since });
  assert.equal(value.calls, 2);
});

test("a function is called once for each member and its value turned into JSON once for each [CS3]", async () => {
  const store = new MemoryChannelStore();
  const values = new Map<unknown, ReturnType<typeof counted>>();
  for (let index = 0; index < 50; index++) store.add("lobby", new RecordingChannel(`${index}`, "websocket"));
  store.broadcast("lobby", (channel) => {
    assert.equal(values.has(channel), false, "called twice for a member");
    const value = counted(channel.id);
    values.set(channel, value);
    return value;
  });
  await served(store);
  assert.equal(values.size, 50);
  for (const value of values.values()) assert.equal(value.calls, 1);
});
