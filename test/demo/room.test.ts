import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import {
  type Demo,
  nextRecord,
  openSocket,
  poll,
  pollBatch,
  post,
  say,
  startDemo,
  stopDemo,
  StreamMember,
  textsOf,
} from "./demo.ts";

describe("the room of the demonstration", () => {
  let demo: Demo;

  beforeEach(async () => {
    demo = await startDemo();
  });

  afterEach(async () => {
    destroyOpenClients();
    await stopDemo(demo);
  });

  test("carries one conversation over a WebSocket, a stream and polls", async () => {
    const socket = await openSocket(demo, "Ada");
    await nextRecord(socket);
    const stream = await StreamMember.open(demo, "Bob");
    await stream.nextBatch();
    await nextRecord(socket);
    let { position: since } = await pollBatch(demo, "Cleo");
    await nextRecord(socket);
    await stream.nextBatch();

    const speakers = [
      async () => socket.sendText("from Ada"),
      () => say(demo, "Bob", "http-streaming", "from Bob"),
      () => say(demo, "Cleo", "long-polling", "from Cleo"),
    ];
    for (const [index, speak] of speakers.entries()) {
      const name = ["Ada", "Bob", "Cleo"][index];
      const parked = poll(demo, "Cleo", { since });
      await speak();
      const { batch } = await parked;
      assert.ok(batch !== undefined);
      since = batch.position;
      for (const received of [batch, await nextRecord(socket), await stream.nextBatch()]) {
        assert.deepEqual(textsOf(received), [`from ${name}`]);
        assert.equal(received.events[0]?.name, name);
        assert.equal(received.position, since);
      }
    }
  });

  test("shows who comes in how, to all and to the one who comes", async () => {
    const socket = await openSocket(demo, "Ada");
    const ada = { name: "Ada", kind: "websocket" };
    assert.deepEqual((await nextRecord(socket)).people, [ada]);
    const stream = await StreamMember.open(demo, "Bob");
    const bob = { name: "Bob", kind: "http-streaming" };
    assert.deepEqual((await stream.nextBatch()).people, [ada, bob]);
    const first = await pollBatch(demo, "Cleo");
    const cleo = { name: "Cleo", kind: "long-polling" };
    assert.deepEqual(first.people, [ada, bob, cleo]);
    assert.deepEqual(
      first.events.map(({ type, name }) => [type, name]),
      [["joined", "Cleo"]],
    );
    await nextRecord(socket);
    assert.deepEqual((await nextRecord(socket)).people, [ada, bob, cleo]);
  });

  test("shows who leaves with which status, a WebSocket and a stream at once", async () => {
    const watcher = await StreamMember.open(demo, "Watcher");
    await watcher.nextBatch();
    const socket = await openSocket(demo, "Ada");
    await watcher.nextBatch();
    const stream = await StreamMember.open(demo, "Bob");
    await watcher.nextBatch();

    socket.sendClose(1001);
    const [adaLeft] = (await watcher.nextBatch()).events;
    assert.deepEqual(
      [adaLeft?.type, adaLeft?.name, adaLeft?.status, adaLeft?.code],
      ["left", "Ada", "going-away", 1001],
    );
    stream.client.reset();
    const { events, people } = await watcher.nextBatch();
    assert.deepEqual([events[0]?.type, events[0]?.name, events[0]?.status], ["left", "Bob", "client-close"]);
    assert.deepEqual(people, [{ name: "Watcher", kind: "http-streaming" }]);
  });

  test("keeps who polls while the next poll is on its way, and not for ever", async () => {
    const watcher = await StreamMember.open(demo, "Watcher");
    await watcher.nextBatch();
    const { position } = await pollBatch(demo, "Cleo");
    await watcher.nextBatch();
    await pollBatch(demo, "Cleo", { since: position, wait: 1 });
    await watcher.client.expectNothing();
    const { events } = await watcher.nextBatch({ timeoutMs: 6000 });
    assert.deepEqual([events[0]?.type, events[0]?.name], ["left", "Cleo"]);
  });

  test("loses nothing between two polls, and says each thing once", async () => {
    let { position } = await pollBatch(demo, "Cleo");
    await say(demo, "Cleo", "long-polling", "one");
    await say(demo, "Cleo", "long-polling", "two");
    const missed = await pollBatch(demo, "Cleo", { since: position });
    assert.deepEqual(textsOf(missed), ["one", "two"]);
    ({ position } = missed);
    const parked = poll(demo, "Cleo", { since: position });
    await say(demo, "Cleo", "long-polling", "three");
    const { batch } = await parked;
    assert.ok(batch !== undefined);
    assert.deepEqual(textsOf(batch), ["three"]);
  });

  test("answers a poll without news when its time is over", async () => {
    const { position } = await pollBatch(demo, "Cleo");
    const startedAt = performance.now();
    const empty = await pollBatch(demo, "Cleo", { since: position, wait: 1 });
    assert.ok(performance.now() - startedAt > 900, "it was answered too early");
    assert.deepEqual([empty.position, empty.recovered, empty.events], [position, true, []]);
  });

  test("says so when it does not know a position any more", async () => {
    const { recovered, events } = await pollBatch(demo, "Cleo", { since: "0123456789abcdef-3" });
    assert.deepEqual([recovered, events], [false, []]);
  });

  test("closes all three kinds when it is told to, each in its own way", async () => {
    const socket = await openSocket(demo, "Ada");
    await nextRecord(socket);
    const stream = await StreamMember.open(demo, "Bob");
    await stream.nextBatch();
    await nextRecord(socket);
    const { position } = await pollBatch(demo, "Cleo");
    const parked = poll(demo, "Cleo", { since: position });
    // The parked poll is there when a second one of the same name, which is answered at once, has been answered.
    await pollBatch(demo, "Cleo", { since: `${position.split("-")[0]}-0` });
    await nextRecord(socket);
    await stream.nextBatch();

    assert.equal((await post(demo, "/close", {})).status, 204);
    assert.equal((await parked).status, 204);
    assert.equal((await stream.client.readChunk()).length, 0);
    await socket.expectClose(4000, { reason: "the close button" });
  });

  test("closes who is just between two polls with the next poll, and lets them in again after it", async () => {
    const { position } = await pollBatch(demo, "Cleo");
    assert.equal((await post(demo, "/close", {})).status, 204);
    assert.equal((await poll(demo, "Cleo", { since: position })).status, 204);
    const { events } = await pollBatch(demo, "Cleo", { since: position });
    assert.deepEqual(
      events.map(({ type, code }) => [type, code]),
      [
        ["left", 4000],
        ["joined", undefined],
      ],
    );
  });
});
