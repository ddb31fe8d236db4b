import assert from "node:assert/strict";
import { describe, it } from "node:test";
import ReconnectingWebSocket from "partysocket/ws";
import type { SessionChannel } from "../../src/index.ts";
import { Recorder } from "../support/recorder.ts";
import { networks, setSite } from "./site.ts";

describe("partysocket over a session", () => {
  for (const { kind, ...network } of networks) {
    it(`exchanges text and bytes over ${kind}`, async (t) => {
      const echo = (channel: SessionChannel): void => channel.onReceive((message) => void channel.send(message));
      const site = await setSite(t, echo, { ...network, protocols: ["chat"] });
      const socket = new ReconnectingWebSocket(site.url, ["chat"], { WebSocket: site.WebSocket, maxRetries: 0 });
      t.after(() => socket.close());
      socket.binaryType = "arraybuffer";
      const log = new Recorder();
      socket.addEventListener("message", ({ data }) => log.record("message", data));
      socket.send("waits until it is open");
      await log.waitFor("message");
      socket.send(new Uint8Array([1, 2, 3]));
      await log.waitFor("message", { count: 2 });
      assert.equal(socket.protocol, "chat");
      const [text, bytes] = log.of("message").map(({ args }) => args[0]);
      assert.equal(text, "waits until it is open");
      assert.deepEqual(new Uint8Array(bytes as ArrayBuffer), new Uint8Array([1, 2, 3]));
      assert.deepEqual(site.kinds(), [kind]);
    });

    it(`dials again by itself when the server closes over ${kind}`, async (t) => {
      let count = 0;
      const closeFirst = (channel: SessionChannel): void => {
        count += 1;
        channel.send(`session ${count}`);
        if (count === 1) channel.close(4100, "again");
      };
      const site = await setSite(t, closeFirst, network);
      const options = { WebSocket: site.WebSocket, minReconnectionDelay: 1, maxReconnectionDelay: 10 };
      const socket = new ReconnectingWebSocket(site.url, [], options);
      t.after(() => socket.close());
      const log = new Recorder();
      socket.addEventListener("message", ({ data }) => log.record("message", data));
      socket.addEventListener("close", ({ code, reason, wasClean }) => log.record("close", code, reason, wasClean));
      await log.waitFor("message", { count: 2 });
      assert.deepEqual(
        log.entries.map(({ args }) => args),
        [["session 1"], [4100, "again", true], ["session 2"]],
      );
    });
  }
});
