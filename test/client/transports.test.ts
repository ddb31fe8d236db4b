import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChannelKind, SessionChannel } from "../../src/index.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { dial, received, setSite } from "./site.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

for (const kind of kinds) {
  describe(`a client over ${kind}`, () => {
    it("sends and receives text and bytes, empty and large, in order", async (t) => {
      const { proxy } = await setSite(t, { limits: { maxUnacknowledgedBytes: 8 * 1024 * 1024 } });
      const client = dial(t, proxy.url, { transports: [kind], maxQueuedBytes: 8 * 1024 * 1024 });
      const large = "é".repeat(500_000);
      const bytes = new Uint8Array(1_000_000).fill(255);
      const messages = ["hello", "", new Uint8Array(0), Uint8Array.of(0, 255, 1), large, bytes, "last"];
      for (const message of messages) assert.ok(client.channel.send(message));
      assert.ok(client.channel.bufferedAmount > 2_000_000);
      await client.log.waitFor("receive", { count: messages.length, timeoutMs: 10_000 });
      assert.deepEqual(
        received(client).map((message) =>
          typeof message === "string" ? message : Uint8Array.from(message as Uint8Array),
        ),
        messages,
      );
      assert.equal(client.channel.kind, kind);
      await client.channel.drained();
    });

    it("receives what the server sends by itself", async (t) => {
      const { proxy, log } = await setSite(t);
      const client = dial(t, proxy.url, { transports: [kind] });
      const channel = (await log.waitFor("open")).args[0] as SessionChannel;
      for (let count = 1; count <= 300; count += 1) channel.send(`number ${count}`);
      await client.log.waitFor("receive", { count: 300 });
      assert.deepEqual(
        received(client),
        Array.from({ length: 300 }, (_, index) => `number ${index + 1}`),
      );
    });

    it("closes behind all that was sent", async (t) => {
      const { proxy, log, sessions } = await setSite(t);
      const { channel, log: told } = dial(t, proxy.url, { transports: [kind] });
      await told.waitFor("open");
      channel.send("one");
      channel.send("two");
      assert.ok(channel.close(4600, "enough"));
      assert.equal(channel.close(), false);
      assert.equal(channel.send("three"), false);
      assert.equal(channel.isOpen, false);
      const { args } = await log.waitFor("close");
      assert.deepEqual(args[1], { code: 4600, reason: "enough", wasClean: true });
      assert.deepEqual(
        log.of("receive").map((entry) => entry.args[0]),
        ["one", "two"],
      );
      assert.equal(sessions.size, 0);
      assert.deepEqual((await told.waitFor("close")).args, [
        "client-close",
        { code: 4600, reason: "enough", wasClean: true },
      ]);
      assert.deepEqual((await told.waitFor("closed")).args[0], { state: "closed", code: 4600, reason: "enough" });
    });

    it("is closed by the server", async (t) => {
      const { proxy, log } = await setSite(t);
      const { channel, log: told } = dial(t, proxy.url, { transports: [kind] });
      const served = (await log.waitFor("open")).args[0] as SessionChannel;
      served.send("last");
      served.close(4601, "room closed");
      assert.deepEqual((await told.waitFor("close")).args, [
        "server-close",
        { code: 4601, reason: "room closed", wasClean: true },
      ]);
      assert.deepEqual(told.names().slice(-3), ["receive", "closed", "close"]);
      assert.equal(channel.isOpen, false);
    });

    it("loses and doubles nothing when its connections are cut again and again", async (t) => {
      const { proxy } = await setSite(t);
      const client = dial(t, proxy.url, { transports: [kind], reconnectDelayMs: 20 });
      const sent: string[] = [];
      for (let round = 1; round <= 8; round += 1) {
        for (let count = 0; count < 10; count += 1) {
          const message = `${round} ${count}`;
          assert.ok(client.channel.send(message));
          sent.push(message);
        }
        await client.log.waitFor("receive", { count: round * 10 - 5, timeoutMs: 5000 });
        proxy.cut(round % 2 === 0 ? "fin" : "reset");
      }
      await client.log.waitFor("receive", { count: sent.length, timeoutMs: 5000 });
      assert.deepEqual(received(client), sent);
      const states = client.log.of("open").map(({ args }) => (args[0] as { resumed: boolean }).resumed);
      assert.equal(states.shift(), false);
      // A poll that failed is made again over the same attach.
      assert.ok(states.length > 0 || kind === "long-polling");
      assert.ok(states.every(Boolean), JSON.stringify(client.channel.explain()));
    });
  });
}
