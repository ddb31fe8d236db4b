import assert from "node:assert/strict";
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
