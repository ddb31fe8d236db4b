import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { get, parkOne, post, setStage } from "../http/stage.ts";
import { deferred, eventually } from "../support/expect.ts";
import { destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const ways: Record<string, (client: RawClient) => void> = {
  FIN: (client) => client.end(),
  "FIN in both directions": (client) => client.destroy(),
  reset: (client) => client.reset(),
};

for (const [way, leave] of Object.entries(ways)) {
  for (const [what, request] of [
    ["GET", get("/parked")],
    ["POST whose body nobody reads", post("/parked", "unread")],
    ["POST of 60 kB whose body nobody reads", post("/parked", "x".repeat(60_000))],
  ] as const) {
    test(`a parked ${what} learns of a client that leaves by ${way}: once, and sends are false [P1, P4, P5, P7, P9]`, async (t) => {
      const stage = await setStage(t);
      const { client, channel } = await parkOne(stage, "/parked", request);
      assert.equal(channel.isOpen, true, "a body that was read to its end is no client that left");
      leave(client);
      const { args } = await stage.log.waitFor("close");
      assert.deepEqual(args.slice(0, 2), ["/parked", "client-close"]);
      assert.equal(channel.isOpen, false);
      assert.equal(channel.send("late"), false);
      assert.equal(stage.log.of("close").length, 1);
      assert.deepEqual(stage.errors, []);
    });
  }

  test(`a stream learns of a client that leaves by ${way} [P5, P9]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    channel.send("begun", { close: false });
    await client.readUntil("begun\r\n");
    leave(client);
    await stage.log.waitFor("close");
    assert.equal(channel.send("late", { close: false }), false);
    assert.deepEqual(stage.errors, []);
  });
}

test("the end of a normal answer is no client that left [P2]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  channel.send("whole");
  assert.equal((await client.readResponse()).text, "whole");
  assert.equal((await stage.log.waitFor("close")).args[1], "server-close");
  client.destroy();
  await client.closed;
  const next = await parkOne(stage, "/next");
  assert.equal(next.channel.isOpen, true);
  assert.equal(stage.log.of("close").length, 1);
});

test("a client that leaves in the middle of its body never reaches a handler, and is forgotten [P9]", async (t) => {
  const stage = await setStage(t);
  for (const leave of Object.values(ways)) {
    const client = await stage.connect();
    client.write("POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    await client.expectNothing(30);
    leave(client);
    await client.waitForEnd();
  }
  assert.deepEqual(stage.paths(), []);
});

test("a handler that is done after its client has left disturbs nothing [P22, P23]", async (t) => {
  const go = deferred();
  let done = 0;
  const stage = await setStage(t, async () => {
    await go.promise;
    done += 1;
    return new Response("too late");
  });
  for (const [index, leave] of Object.values(ways).entries()) {
    const client = await stage.connect();
    client.write(get("/late"));
    await stage.log.waitFor("request", { count: index + 1 });
    leave(client);
  }
  go.resolve();
  await eventually(() => assert.equal(done, 3));
  const probe = await stage.connect();
  probe.write(get("/now/alive"));
  assert.equal((await probe.readResponse()).text, "alive");
  assert.deepEqual(stage.errors, []);
});

test("a client that sends its request, then FIN, gets the answer of a handler, and the end [P7]", async (t) => {
  const go = deferred();
  const stage = await setStage(t, async () => {
    await go.promise;
    return new Response("still for you");
  });
  const client = await stage.connect();
  client.write(get("/half-closed"));
  client.end();
  await stage.log.waitFor("request");
  await client.expectNothing(50);
  go.resolve();
  assert.equal((await client.readResponse()).text, "still for you");
  assert.equal(await client.expectEnd(), "fin");
});
