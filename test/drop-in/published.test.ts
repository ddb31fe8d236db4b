// oxlint-disable unicorn/prefer-add-event-listener -- handlers are what is tested; libraries set them
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { WebSocket } from "ws";
import type * as published from "../../src/websocket.ts";
import { Recorder } from "../support/recorder.ts";
import { networks, setSite } from "./site.ts";

const most = 6650;
const bundle = new URL("../../../dist/websocket.min.js", import.meta.url);

describe("the WebSocket as it is published for browsers", () => {
  it(`has at most ${most} bytes with all its transports, compressed with brotli`, () => {
    const bytes = brotliCompressSync(readFileSync(bundle)).length;
    assert.ok(bytes <= most, `${bytes} bytes`);
  });

  for (const { kind, ...network } of networks) {
    it(`exchanges messages over ${kind}, and is told the end`, async (t) => {
      const { webSocketOf } = (await import(bundle.href)) as typeof published;
      const site = await setSite(
        t,
        (channel) => {
          channel.onReceive((message) => {
            channel.send(message);
            channel.close(4100, "done");
          });
        },
        { ...network, protocols: ["chat"] },
      );
      const socket = new (webSocketOf({ WebSocket, ...network.client }))(site.url, "chat");
      const log = new Recorder();
      socket.onopen = () => socket.send(new Blob(["hello"]));
      socket.onmessage = ({ data }) => log.record("message", data);
      socket.onclose = ({ code, reason }) => log.record("close", code, reason, socket.protocol);
      assert.deepEqual((await log.waitFor("close")).args, [4100, "done", "chat"]);
      const data = log.of("message")[0]?.args[0];
      assert.ok(data instanceof Blob);
      assert.equal(await data.text(), "hello");
      assert.deepEqual(site.kinds(), [kind]);
    });
  }
});
