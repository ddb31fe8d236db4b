import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import { connect } from "../../src/client.ts";
import type { SessionChannel } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { findFreePort } from "../support/free-port.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { dial, received, setSite } from "./site.ts";

guardAgainstUnhandled();

describe("a session whose client is away", () => {
  it("keeps whoever waits for drained() before each send within all bounds, with the smallest messages, too", async (t) => {
    const { proxy, log } = await setSite(t);
    // The server sees at once that a WebSocket is cut. Of one that polls it would know later.
    const client = dial(t, proxy.url, { transports: ["websocket"], reconnectDelayMs: 10 });
    const served = (await log.waitFor("open")).args[0] as SessionChannel;
    await client.log.waitFor("open");
    proxy.set({ type: "refuse" });
    proxy.cut();
    await eventually(() => assert.equal(served.isPresent, false));
    const all = Array.from({ length: 5000 }, () => "");
    let count = 0;
    const sending = (async () => {
      for (const message of all) {
        await served.drained();
        assert.ok(served.send(message));
        count += 1;
      }
    })();
    await eventually(() => assert.ok(served.bufferedAmount >= 65_536));
    assert.equal(count, 1024);
    assert.ok(served.isOpen);
    proxy.clear();
    await sending;
    await client.log.waitFor("receive", { count: all.length, timeoutMs: 10_000 });
    assert.deepEqual(received(client), all);
  });

  it("gets what waits for it in its order, and so does a new session: before what is said when that opens", async (t) => {
    const { proxy, log, server, port } = await setSite(t, {}, await findFreePort());
    const channel = connect(proxy.url, { WebSocket, reconnectDelayMs: 10, resumeWindowMs: 500 });
    t.after(() => channel.close());
    const told = new Recorder();
    channel.onStatus((status) => {
      told.record(status.state);
      if (status.state === "open" && status.reason !== undefined) channel.send("join");
    });
    await log.waitFor("open");
    await told.waitFor("open");
    proxy.set({ type: "refuse" });
    await server.stop({ timeoutMs: 0 });
    await told.waitFor("waiting");
    for (const message of ["one", "two"]) channel.send(message);
    const again = await setSite(t, {}, port);
    proxy.clear();
    await again.log.waitFor("receive", { count: 3 });
    assert.deepEqual(
      again.log.of("receive").map(({ args }) => args[0]),
      ["one", "two", "join"],
    );
  });
});

describe("the user of a session", () => {
  it("is the one of the latest attach: attachment is replaced by what authorize says then", async (t) => {
    let asked = 0;
    const { proxy, log } = await setSite(t, { authorize: () => `user ${(asked += 1)}`, identify: () => "user" });
    const { log: told } = dial(t, proxy.url, { transports: ["websocket"], reconnectDelayMs: 10 });
    const served = (await log.waitFor("open")).args[0] as SessionChannel<string>;
    await told.waitFor("open");
    assert.equal(served.attachment, "user 1");
    proxy.cut();
    await told.waitFor("open", { count: 2 });
    assert.equal(served.attachment, "user 2");
  });

  it("stands in the token, and not in header fields, over a WebSocket", async (t) => {
    const seen: unknown[] = [];
    const { proxy } = await setSite(t, {
      authorize: ({ headers }) => {
        seen.push([headers.get("x-tenant"), headers.get("authorization")]);
        return "somebody";
      },
    });
    const options = { headers: { "x-tenant": "blue" }, token: () => "good" };
    const { log } = dial(t, proxy.url, { ...options, transports: ["websocket"] });
    await log.waitFor("open");
    assert.deepEqual(seen, [[null, "Bearer good"]]);
  });
});
