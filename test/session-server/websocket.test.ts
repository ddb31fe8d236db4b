import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions, type SessionChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionWebSocket } from "./session-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("a session over WebSockets", () => {
  it("echoes what its client sends, in order", async (t) => {
    const sessions = createSessions();
    const { port } = await setServer(t, (request) =>
      sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message))),
    );
    const client = await SessionWebSocket.open(port);
    const attached = await client.attach(attachRecord(1));
    assert.equal(attached.resumed, false);
    client.send("one", "zwei ü", Buffer.from([0, 1]), new Uint8Array(0));
    // The empty one was the escape of what comes next.
    client.socket.sendText('{"type":"empty"}');
    assert.equal(await client.next(), "one");
    assert.equal(await client.next(), "zwei ü");
    assert.deepEqual(await client.next(), Buffer.from([0, 1]));
    assert.deepEqual(await client.next(), { type: "empty" });
    assert.equal(sessions.size, 1);
  });

  it("goes on over another WebSocket after a loss, and nothing is missing or doubled", async (t) => {
    const log = new Recorder();
    const channels: SessionChannel[] = [];
    const sessions = createSessions();
    const { port } = await setServer(t, (request) =>
      sessions.accept(request, (channel) => {
        channels.push(channel);
        channel.onReceive((message) => log.record("message", message));
        channel.onClose((status, detail) => log.record("close", status, detail));
      }),
    );
    const first = await SessionWebSocket.open(port);
    const answer = await first.attach(attachRecord(1));
    first.send("a", "b");
    await log.waitFor("message", { count: 2 });
    channels[0]?.send("never read");
    first.socket.client.reset();
    const second = await SessionWebSocket.open(port);
    const again = await second.attach(attachRecord(2, credentialsOf(answer)));
    assert.deepEqual([again.resumed, again.received, again.first], [true, 2, 1]);
    assert.equal(await second.next(), "never read");
    channels[0]?.send("read");
    assert.equal(await second.next(), "read");
    second.send("c");
    await log.waitFor("message", { count: 3 });
    assert.deepEqual(
      log.entries.map(({ args }) => args[0]),
      ["a", "b", "c"],
    );
    assert.equal(channels.length, 1);
  });
});
