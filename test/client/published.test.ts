import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { maxMessageBytes } from "../../src/channel/client-limits.ts";
import type { connect } from "../../src/client.ts";
import { defaultSessionLimits } from "../../src/index.ts";
import { WebSocket } from "ws";
import { Recorder } from "../support/recorder.ts";
import { setSite } from "./site.ts";

type Bundle = { readonly connect: typeof connect };

const most = 5000;
const bundle = new URL("../../../dist/client.min.js", import.meta.url);

describe("the client as it is published", () => {
  it("takes the largest message that a server takes by default, before it is told, and none that would be refused", () => {
    assert.equal(maxMessageBytes, defaultSessionLimits.maxMessageBytes);
  });

  it(`has at most ${most} bytes with all its transports, compressed with brotli`, (t) => {
    const bytes = brotliCompressSync(readFileSync(bundle)).length;
    t.diagnostic(`${bytes} bytes`);
    assert.ok(bytes <= most, `${bytes} bytes`);
  });

  for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
    it(`does over ${kind} what the sources do, with short names`, async (t) => {
      const client = (await import(bundle.href)) as Bundle;
      const seen: unknown[] = [];
      const { proxy, log } = await setSite(t, {
        authorize: ({ headers }) => {
          seen.push(headers.get("authorization"));
          if (kind !== "websocket") assert.equal(headers.get("x-tenant"), "blue");
          return "somebody";
        },
      });
      const options = { transports: [kind], WebSocket, token: () => "good", headers: { "x-tenant": "blue" } };
      const told = new Recorder();
      const channel = client.connect(proxy.url, { ...options, reconnectDelayMs: 10 });
      t.after(() => channel.close());
      channel.onReceive(told.as("receive"));
      channel.onStatus((status) => told.record(status.state, status));
      channel.onClose(told.as("close"));
      const messages = ["é漢😀", "", new Uint8Array(0), Uint8Array.of(0, 255), "x".repeat(300_000)];
      for (const message of messages) assert.ok(channel.send(message));
      await told.waitFor("receive", { count: messages.length });
      const received = told.of("receive").map(({ args: [message] }) => message);
      assert.deepEqual(
        received.map((message) => (typeof message === "string" ? message : Uint8Array.from(message as Uint8Array))),
        messages,
      );
      await channel.drained();
      assert.equal(channel.bufferedAmount, 0);
      proxy.cut();
      channel.send("again");
      await told.waitFor("receive", { count: messages.length + 1, timeoutMs: 5000 });
      assert.ok(seen.every((token) => token === "Bearer good"));
      assert.equal(channel.kind, kind);
      const [first] = told.of("open").map(({ args: [status] }) => status);
      assert.deepEqual(first, { state: "open", kind, resumed: false, reason: undefined, uncertain: 0 });
      for (const entry of channel.explain()) {
        assert.deepEqual(Object.keys(entry).toSorted(), ["atMs", "cause", "event", "kind"]);
      }
      channel.close(4600, "enough");
      assert.deepEqual((await log.waitFor("close")).args[1], { code: 4600, reason: "enough", wasClean: true });
      assert.deepEqual((await told.waitFor("close")).args[1], { code: 4600, reason: "enough", wasClean: true });
    });
  }

  it("knows misuse as the sources do, with short names", async () => {
    const client = (await import(bundle.href)) as Bundle;
    assert.throws(() => client.connect("http://a/", { maxQueuedBytes: "1" as unknown as number }), {
      name: "ChannelError",
      code: "INVALID_ARGUMENT",
      message: "maxQueuedBytes must be a number above 0, but it is of type string",
      details: { argument: "maxQueuedBytes", expected: "a number above 0", received: "of type string" },
    });
  });

  it("says what to pass in where there is no WebSocket, as the sources do", async (t) => {
    const client = (await import(bundle.href)) as Bundle;
    const had = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
    Object.defineProperty(globalThis, "WebSocket", { value: undefined, configurable: true });
    try {
      const transports = ["websocket", "long-polling"] as const;
      const channel = client.connect("http://127.0.0.1:9", { transports, maxAttempts: 1 });
      t.after(() => channel.close());
      await new Promise((resolve) => channel.onClose(resolve));
      const left = channel.explain().find(({ event }) => event === "left");
      assert.equal(left?.cause, "1006 ChannelError: WebSocket must be passed in, but it is of type undefined");
    } finally {
      if (had !== undefined) Object.defineProperty(globalThis, "WebSocket", had);
      else Reflect.deleteProperty(globalThis, "WebSocket");
    }
  });

  for (const kind of ["http-streaming", "long-polling"]) {
    it(`leaves no timer and no connection behind after ${kind}`, async (t) => {
      const { proxy } = await setSite(t);
      const program = fileURLToPath(new URL("program.js", import.meta.url));
      const child = spawn(process.execPath, [program, proxy.url, kind], { stdio: ["ignore", "pipe", "inherit"] });
      t.after(() => child.kill());
      const [said] = (await once(child.stdout, "data")) as [Buffer];
      const saidAtMs = performance.now();
      assert.equal(said.toString(), "hello\n");
      assert.deepEqual(await once(child, "exit"), [0, null]);
      assert.ok(performance.now() - saidAtMs < 3000);
    });
  }

  it("notices that the machine has slept", async (t) => {
    const { proxy } = await setSite(t);
    const program = fileURLToPath(new URL("sleeper.js", import.meta.url));
    const child = spawn(process.execPath, [program, proxy.url], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    assert.equal(String(await once(child.stdout, "data")), "open");
    child.kill("SIGSTOP");
    // What lies between the client and the server forgets its connections.
    proxy.set({ type: "half-open" });
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    proxy.clear();
    child.kill("SIGCONT");
    const sinceMs = performance.now();
    // Its next ping would come after 30 seconds.
    assert.equal(String(await once(child.stdout, "data")), "resumed");
    assert.ok(performance.now() - sinceMs < 10_000);
  });
});
