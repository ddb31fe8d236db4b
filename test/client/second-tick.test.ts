import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ChannelKind, SessionChannel } from "../../src/index.ts";
import type { Fault } from "../../src/testing.ts";
import { hasProxy, type ProxyName, startProxy } from "../support/reverse-proxy.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { type Client, dial, received, setSite } from "./site.ts";

guardAgainstUnhandled();

/** Time enough for an answer that is held back: it is the second tick that tells. */
const withoutWebSocket = { transports: ["http-streaming", "long-polling"], fallbackDelayMs: 5000 } as const;
/** So many bytes go through, with the answer among them. */
const firstMessage = "x".repeat(20_000);

const carried = ({ channel }: Client): readonly ChannelKind[] =>
  channel.explain().flatMap(({ kind, event }) => (event === "carries" ? [kind] : []));
const causes = ({ channel }: Client): readonly string[] =>
  channel.explain().flatMap(({ event, cause }) => (event === "left" ? [cause] : []));

/** Nothing is said for longer than a client waits for the second tick; then the stream still carries the session. */
async function expectKept(client: Client): Promise<void> {
  const count = client.log.of("receive").length + 1;
  await delay(3500);
  client.channel.send("still here");
  await client.log.waitFor("receive", { count, timeoutMs: 3000 });
  assert.deepEqual(carried(client), ["http-streaming"], JSON.stringify(client.channel.explain()));
}

describe("a stream that a proxy holds back", () => {
  const cases: readonly { readonly what: string; readonly fault: Fault; readonly first: string }[] = [
    // The answer fills the first lump, and what follows does not fill another.
    {
      what: "until there are 16 KiB",
      fault: { type: "hold-response", on: "stream", untilBytes: 16_384 },
      first: firstMessage,
    },
    { what: "for 700 ms", fault: { type: "hold-response", on: "stream", untilMs: 700 }, first: "" },
  ];
  for (const { what, fault, first } of cases) {
    it(`is left for polls when it comes in lumps: ${what}`, async (t) => {
      const { proxy, log } = await setSite(t);
      proxy.set(fault);
      const client = dial(t, proxy.url, withoutWebSocket);
      const channel = (await log.waitFor("open")).args[0] as SessionChannel;
      channel.send(first);
      await client.log.waitFor("open", { count: 2, timeoutMs: 5000 });
      assert.deepEqual(carried(client), ["http-streaming", "long-polling"]);
      assert.deepEqual(causes(client), ["4002 held back"]);
      channel.send("last");
      await client.log.waitFor("receive", { count: 2 });
      assert.deepEqual(received(client), [first, "last"]);
      const [, second] = client.log.of("open").map(({ args }) => args[0] as { resumed: boolean });
      assert.equal(second?.resumed, true);
    });
  }

  it("is kept where there is nothing to leave it for", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "hold-response", on: "stream", untilMs: 700 });
    const client = dial(t, proxy.url, { transports: ["http-streaming"], fallbackDelayMs: 5000 });
    await client.log.waitFor("open");
    await expectKept(client);
  });
});

describe("a stream that is slow, but not held back", () => {
  it("is kept over a line that delays everything by 300 ms and up to 100 more", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "delay", delayMs: 300, jitterMs: 100 });
    const client = dial(t, proxy.url, withoutWebSocket);
    await client.log.waitFor("open");
    await expectKept(client);
  });

  it("is kept while it is full of messages, in front of the second tick", async (t) => {
    const { proxy, log } = await setSite(t);
    const client = dial(t, proxy.url, withoutWebSocket);
    const channel = (await log.waitFor("open")).args[0] as SessionChannel;
    proxy.set({ type: "delay", on: "stream", direction: "to-client", delayMs: 50, jitterMs: 50 });
    for (let count = 0; count < 30; count += 1) channel.send("y".repeat(10_000));
    await client.log.waitFor("receive", { count: 30, timeoutMs: 10_000 });
    await expectKept(client);
  });
});

const nginx = (more: string): string => `server {
  listen 80;
  location / {
    proxy_pass http://127.0.0.1:9090;
    ${more}
  }
}`;
const haproxy = `defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
frontend web
  bind :80
  default_backend channels
backend channels
  server node 127.0.0.1:9090`;

describe("a stream through a proxy of the field", () => {
  const cases: readonly {
    readonly what: string;
    readonly name: ProxyName;
    readonly part: string;
    readonly isKept: boolean;
  }[] = [
    { what: "nginx as it comes, which is asked not to buffer", name: "nginx", part: nginx(""), isKept: true },
    {
      what: "nginx that buffers whatever it is asked for",
      name: "nginx",
      part: nginx("proxy_ignore_headers X-Accel-Buffering;"),
      isKept: false,
    },
    { what: "HAProxy, which does not buffer", name: "haproxy", part: haproxy, isKept: true },
  ];
  for (const { what, name, part, isKept } of cases) {
    it(`is ${isKept ? "kept" : "left for polls"}: ${what}`, { skip: !hasProxy(name) }, async (t) => {
      const { client, channel } = await setBehind(t, name, part);
      channel.send(firstMessage);
      if (isKept) {
        await client.log.waitFor("receive");
        await expectKept(client);
        return;
      }
      await client.log.waitFor("open", { count: 2, timeoutMs: 5000 });
      assert.deepEqual(carried(client), ["http-streaming", "long-polling"]);
      assert.deepEqual(causes(client), ["4002 held back"]);
    });
  }
});

async function setBehind(
  t: TestContext,
  name: ProxyName,
  part: string,
): Promise<{ client: Client; channel: SessionChannel }> {
  const { port, log } = await setSite(t);
  const proxy = await startProxy(name, part, port);
  t.after(() => proxy.stop());
  const client = dial(t, `http://127.0.0.1:${proxy.port}/`, withoutWebSocket);
  const channel = (await log.waitFor("open")).args[0] as SessionChannel;
  return { client, channel };
}
