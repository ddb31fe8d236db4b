import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientStatus } from "../../src/client.ts";
import type { SessionChannel } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { type Client, dial, received, setSite } from "./site.ts";

guardAgainstUnhandled();

/** The transports that carried the session, in order. */
const carried = ({ channel }: Client): string[] =>
  channel.explain().flatMap(({ kind, event }) => (event === "carries" ? [kind] : []));

/** Node has none of these. They have to be there before the first channel. */
const page = new EventTarget();
Object.defineProperty(globalThis, "addEventListener", { value: page.addEventListener.bind(page), configurable: true });

describe("the fallback of a client", () => {
  it("starts a stream at once when a WebSocket is refused", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "refuse-upgrade" });
    const client = dial(t, proxy.url, { fallbackDelayMs: 60_000 });
    client.channel.send("hello");
    await client.log.waitFor("receive");
    assert.deepEqual(carried(client), ["http-streaming"]);
    const left = client.channel.explain().find(({ event }) => event === "left");
    assert.equal(left?.kind, "websocket");
    assert.match(left?.cause ?? "", /^1006 .*502/);
  });

  it("starts a stream beside a WebSocket whose upgrade is swallowed", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "swallow-upgrade" });
    const client = dial(t, proxy.url, { fallbackDelayMs: 500 });
    client.channel.send("hello");
    const { atMs } = await client.log.waitFor("receive");
    assert.ok(atMs < 1500, `${atMs} ms`);
    assert.deepEqual(carried(client), ["http-streaming"]);
  });

  it("starts a stream beside a WebSocket that is mute, and lets go of that", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "mute-upgrade" });
    // Time enough for the stream, before polls would start beside it.
    const client = dial(t, proxy.url, { fallbackDelayMs: 1000 });
    client.channel.send("hello");
    await client.log.waitFor("receive");
    assert.deepEqual(carried(client), ["http-streaming"]);
    assert.ok(
      client.channel
        .explain()
        .some(({ kind, event, cause }) => kind === "websocket" && event === "left" && cause === "4001 superseded"),
    );
  });

  it("dials nothing more beside a WebSocket that has answered late and asks again", async (t) => {
    const { proxy } = await setSite(t);
    // It attaches at 1200 ms; the stream of 1800 ms makes that attach the one before the latest. It is answered at 2400.
    proxy.set({ type: "delay", delayMs: 600 });
    const client = dial(t, proxy.url, { fallbackDelayMs: 1800 });
    await client.log.waitFor("open", { timeoutMs: 10_000 });
    const dialled = client.channel.explain().flatMap(({ kind, event }) => (event === "dialled" ? [kind] : []));
    assert.deepEqual(dialled, ["websocket", "http-streaming"]);
    assert.deepEqual(carried(client), ["websocket"]);
  });

  it("polls where a proxy refuses WebSockets and holds streams back", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set([{ type: "refuse-upgrade" }, { type: "hold-response", on: "stream" }]);
    const client = dial(t, proxy.url);
    client.channel.send("hello");
    const { atMs } = await client.log.waitFor("receive");
    assert.ok(atMs < 1500, `${atMs} ms`);
    assert.deepEqual(carried(client), ["long-polling"]);
  });

  it("moves up live as soon as WebSockets work, and loses nothing", async (t) => {
    const { proxy, log } = await setSite(t);
    proxy.set([{ type: "refuse-upgrade" }, { type: "hold-response", on: "stream" }]);
    // It climbs when the network is mended, and not before: a stream that is tried then would cut the polls short.
    const client = dial(t, proxy.url, { climbDelayMs: 1500 });
    const channel = (await log.waitFor("open")).args[0] as SessionChannel;
    const sent: string[] = [];
    let count = 0;
    const timer = setInterval(() => {
      count += 1;
      sent.push(`s${count}`);
      channel.send(`s${count}`);
    }, 2);
    await client.log.waitFor("receive", { count: 20 });
    proxy.clear();
    await client.log.waitFor("open", { count: 2, timeoutMs: 10_000 });
    clearInterval(timer);
    await client.log.waitFor("receive", { count });
    assert.deepEqual(received(client), sent);
    assert.equal(client.channel.kind, "websocket");
    const opened = client.log.of("open").map(({ args }) => args[0] as Extract<ClientStatus, { state: "open" }>);
    assert.deepEqual(
      opened.map(({ kind, resumed }) => [kind, resumed]),
      [
        ["long-polling", false],
        ["websocket", true],
      ],
    );
    assert.deepEqual(client.log.of("waiting"), []);
  });

  it("remembers for a while which transport worked", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "swallow-upgrade" });
    const first = dial(t, proxy.url);
    await first.log.waitFor("open");
    const second = dial(t, proxy.url, { climbDelayMs: 100 });
    const { args } = await second.log.waitFor("connecting");
    assert.deepEqual(args[0], { state: "connecting", kind: "http-streaming", attempt: 1 });
    proxy.clear();
    await second.log.waitFor("open", { count: 2 });
    assert.equal(second.channel.kind, "websocket", JSON.stringify(second.channel.explain()));
    const third = dial(t, proxy.url, { fallbackDelayMs: 60_000 });
    assert.equal((await third.log.waitFor("open")).args.length, 1);
    assert.deepEqual(carried(third), ["websocket"]);
  });

  it("begins with the best of its own where another channel has remembered one that it has not got", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "swallow-upgrade" });
    await dial(t, proxy.url).log.waitFor("open");
    const polling = dial(t, proxy.url, { transports: ["long-polling"] });
    await polling.log.waitFor("open");
    assert.deepEqual(carried(polling), ["long-polling"]);
  });

  it("dials nothing while its page is kept, though it was about to move up", async (t) => {
    const { proxy } = await setSite(t);
    const tell = (event: string): boolean => page.dispatchEvent(Object.assign(new Event(event), { persisted: true }));
    proxy.set({ type: "swallow-upgrade" });
    // It moves up when the WebSocket that was dialled first is given up.
    const { channel, log } = dial(t, proxy.url, { fallbackDelayMs: 50, climbDelayMs: 50, attachTimeoutMs: 1000 });
    const dialled = (): number => channel.explain().filter(({ event }) => event === "dialled").length;
    const hasClimbed = (): boolean => {
      const events = channel.explain().map(({ event }) => event);
      return events.includes("dialled", events.indexOf("carries") + 1);
    };
    await log.waitFor("open");
    await eventually(() => assert.ok(hasClimbed()), { timeoutMs: 10_000 });
    tell("pagehide");
    const before = dialled();
    await delay(500);
    assert.equal(dialled(), before, JSON.stringify(channel.explain()));
    tell("pageshow");
    await log.waitFor("open", { count: 2 });
  });

  it("says what to pass in where there is no WebSocket, and goes on without", async (t) => {
    const { proxy } = await setSite(t);
    const had = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
    Object.defineProperty(globalThis, "WebSocket", { value: undefined, configurable: true });
    try {
      const client = dial(t, proxy.url, { WebSocket: undefined, fallbackDelayMs: 60_000 } as object);
      await client.log.waitFor("open");
      assert.deepEqual(carried(client), ["http-streaming"]);
      const left = client.channel.explain().find(({ event }) => event === "left");
      assert.match(left?.cause ?? "", /WebSocket must be passed in/);
      const other = dial(t, proxy.url, { WebSocket: undefined, transports: ["websocket"] } as object);
      const { args } = await other.log.waitFor("waiting");
      assert.match((args[0] as { cause: string }).cause, /WebSocket must be passed in/);
    } finally {
      if (had !== undefined) Object.defineProperty(globalThis, "WebSocket", had);
      else Reflect.deleteProperty(globalThis, "WebSocket");
    }
  });
});
