import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import { type ClientStatus, connect } from "../../src/client.ts";
import { isChannelError, type SessionChannel } from "../../src/index.ts";
import { findFreePort } from "../support/free-port.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { dial, received, setSite } from "./site.ts";

guardAgainstUnhandled();

type Open = Extract<ClientStatus, { state: "open" }>;

describe("the handlers of a client", () => {
  it("are called in order, and for the next message while one is worked on", async (t) => {
    const { proxy, log } = await setSite(t);
    const channel = connect(proxy.url, { WebSocket, resumeWindowMs: 500 });
    t.after(() => channel.close());
    const told = new Recorder();
    channel.onReceive((message) => {
      told.record("message", message);
      return new Promise(() => undefined);
    });
    const served = (await log.waitFor("open")).args[0] as SessionChannel;
    for (const message of ["one", "two", "three"]) served.send(message);
    await told.waitFor("message", { count: 3 });
    assert.deepEqual(
      told.of("message").map(({ args }) => args[0]),
      ["one", "two", "three"],
    );
  });
});

describe("a client that is offline", () => {
  it("keeps what is sent, up to a bound, and says so", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "refuse" });
    const client = dial(t, proxy.url, { maxQueuedMessages: 3, softQueuedBytes: 1, reconnectDelayMs: 10 });
    await client.log.waitFor("waiting");
    for (const message of ["one", "two", "three"]) assert.ok(client.channel.send(message));
    assert.equal(client.channel.send("four"), false);
    assert.ok(client.channel.isOpen);
    proxy.clear();
    await client.log.waitFor("receive", { count: 3, timeoutMs: 5000 });
    assert.deepEqual(received(client), ["one", "two", "three"]);
    await client.channel.drained();
    assert.ok(client.channel.send("five"));
  });

  it("takes one message of any size into an empty queue, and no more than fits", (t) => {
    const { channel } = dial(t, "http://127.0.0.1:9", { maxQueuedBytes: 1000 });
    assert.ok(channel.send("x".repeat(5000)));
    assert.equal(channel.send("y"), false);
    assert.equal(channel.bufferedAmount, 5064);
  });

  it("waits longer and longer, with jitter, and dials without end or as often as it is told to", async (t) => {
    const { log, channel } = dial(t, "http://127.0.0.1:9", {
      reconnectDelayMs: 4,
      maxReconnectDelayMs: 16,
      maxAttempts: 5,
    });
    const { args } = await log.waitFor("close");
    assert.equal(args[0], "abnormal");
    assert.equal((args[1] as { code: number }).code, 1006);
    const waits = log.of("waiting").map((entry) => entry.args[0] as Extract<ClientStatus, { state: "waiting" }>);
    assert.deepEqual(
      waits.map(({ attempt }) => attempt),
      [1, 2, 3, 4],
    );
    for (const [index, { retryInMs, cause }] of waits.entries()) {
      assert.ok(retryInMs >= 0 && retryInMs <= Math.min(16, 4 * 2 ** index));
      assert.match(cause, /^1006 /);
    }
    assert.equal(channel.isOpen, false);
  });

  it("makes one attempt where it may make one", async (t) => {
    const { log, channel } = dial(t, "http://127.0.0.1:9", { maxAttempts: 1 });
    await log.waitFor("close");
    assert.deepEqual(log.of("waiting"), []);
    assert.equal(channel.explain().filter(({ event }) => event === "dialled").length, 3);
  });

  it("makes one attempt of all transports also where a downgrade is remembered", async (t) => {
    const { proxy } = await setSite(t);
    proxy.set({ type: "swallow-upgrade" });
    await dial(t, proxy.url).log.waitFor("open");
    proxy.set({ type: "refuse" });
    const { log, channel } = dial(t, proxy.url, { maxAttempts: 1 });
    await log.waitFor("close");
    assert.deepEqual((await log.waitFor("connecting")).args[0], {
      state: "connecting",
      kind: "http-streaming",
      attempt: 1,
    });
    const dialled = channel.explain().flatMap(({ kind, event }) => (event === "dialled" ? [kind] : []));
    assert.deepEqual(new Set(dialled), new Set(["http-streaming", "long-polling", "websocket"]));
    assert.deepEqual(log.of("waiting"), []);
    assert.ok(log.of("connecting").every(({ args }) => (args[0] as { attempt: number }).attempt === 1));
  });

  it("says that it is closed when it can, though it had failed to dial before", async (t) => {
    const { proxy, log } = await setSite(t);
    proxy.set({ type: "refuse" });
    const client = dial(t, proxy.url, { transports: ["websocket"], reconnectDelayMs: 10, resumeWindowMs: 10_000 });
    await client.log.waitFor("waiting");
    proxy.clear();
    await client.log.waitFor("open", { timeoutMs: 5000 });
    proxy.set({ type: "half-open" });
    client.channel.close(4600, "enough");
    proxy.clear();
    proxy.cut();
    assert.deepEqual((await log.waitFor("close")).args[1], { code: 4600, reason: "enough", wasClean: true });
  });

  it("is over at once when it is closed before it was ever connected", async (t) => {
    const { log, channel } = dial(t, "http://127.0.0.1:9", { reconnectDelayMs: 60_000, maxReconnectDelayMs: 60_000 });
    await log.waitFor("waiting");
    assert.ok(channel.close());
    assert.deepEqual((await log.waitFor("closed")).args[0], { state: "closed", code: 1000, reason: "" });
  });
});

describe("a client whose server is started again", () => {
  it("is told that its session expired, how much is uncertain, and sends what it had not sent", async (t) => {
    const site = await setSite(t, { limits: { ackMessages: 1 } }, await findFreePort());
    const options = { transports: ["websocket"], softQueuedBytes: 1, reconnectDelayMs: 20 } as const;
    const client = dial(t, site.proxy.url, options);
    await client.log.waitFor("open");
    client.channel.send("before");
    await client.channel.drained();
    site.proxy.set({ type: "half-open" });
    client.channel.send("lost or not");
    await site.server.stop({ timeoutMs: 0 });
    site.proxy.set({ type: "refuse" });
    site.proxy.cut();
    await client.log.waitFor("waiting");
    client.channel.send("after");
    const again = await setSite(t, {}, site.port);
    site.proxy.clear();
    const { args } = await client.log.waitFor("open", { count: 2, timeoutMs: 5000 });
    assert.deepEqual(args[0], { state: "open", kind: "websocket", resumed: false, reason: "expired", uncertain: 1 });
    await again.log.waitFor("receive");
    assert.deepEqual(
      again.log.of("receive").map((entry) => entry.args[0]),
      ["after"],
    );
  });
});

describe("a client whose server ends its session", () => {
  it("opens another one when it is invited to", async (t) => {
    const { proxy, log } = await setSite(t);
    const client = dial(t, proxy.url, { reconnectDelayMs: 10 });
    const served = (await log.waitFor("open")).args[0] as SessionChannel;
    await client.log.waitFor("open");
    served.close(4100, "moved");
    const { args } = await client.log.waitFor("open", { count: 2 });
    assert.deepEqual(args[0], { state: "open", kind: "websocket", resumed: false, reason: "closed", uncertain: 0 });
    client.channel.send("hello");
    await client.log.waitFor("receive");
    assert.ok(client.channel.isOpen);
  });
});

describe("the token of a client", () => {
  for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
    it(`is asked for before each attach over ${kind}`, async (t) => {
      const seen: (string | null)[] = [];
      const { proxy } = await setSite(t, {
        authorize: (request) => {
          seen.push(request.headers.get("authorization"));
          return "somebody";
        },
      });
      let asked = 0;
      const token = (): Promise<string> => Promise.resolve(`token-${++asked}`);
      const client = dial(t, proxy.url, { transports: [kind], token, reconnectDelayMs: 10 });
      await client.log.waitFor("open");
      proxy.set({ type: "refuse" });
      proxy.cut();
      await client.log.waitFor("waiting");
      proxy.clear();
      await client.log.waitFor("open", { count: 2 });
      // Over HTTP it was asked for an attach that did not arrive, too.
      assert.deepEqual(seen, ["Bearer token-1", `Bearer token-${asked}`]);
      assert.ok(asked > 1);
    });

    it(`ends the channel when the server refuses it over ${kind}`, async (t) => {
      const { proxy } = await setSite(t, { authorize: () => undefined });
      const client = dial(t, proxy.url, { transports: [kind], token: () => "bad" });
      const { args } = await client.log.waitFor("close");
      assert.equal(args[0], "abnormal");
      assert.equal((args[1] as { code: number }).code, 4501);
    });
  }

  it("is asked for again after it could not be had", async (t) => {
    const { proxy } = await setSite(t);
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      if (asked === 1) throw new Error("no network");
      return "good";
    };
    const client = dial(t, proxy.url, { transports: ["http-streaming"], token, reconnectDelayMs: 10 });
    await client.log.waitFor("open");
    assert.match(client.channel.explain()[1]?.cause ?? "", /no network/);
  });

  it("goes beside header fields of the application", async (t) => {
    const seen: (string | null)[] = [];
    const { proxy } = await setSite(t, {
      authorize: (request) => {
        seen.push(request.headers.get("x-tenant"));
        return "somebody";
      },
    });
    const headers = (): Record<string, string> => ({ "x-tenant": "blue" });
    const client = dial(t, proxy.url, { transports: ["http-streaming"], headers });
    await client.log.waitFor("open");
    assert.deepEqual(seen, ["blue"]);
  });
});

describe("a client tells", () => {
  it("what it is doing, and at once to who asks late", async (t) => {
    const { proxy } = await setSite(t);
    // On a slow machine the next transport would be dialled, and told, before the first one has answered.
    const { log } = dial(t, proxy.url, { reconnectDelayMs: 10, fallbackDelayMs: 10_000 });
    await log.waitFor("open");
    proxy.cut();
    await log.waitFor("open", { count: 2 });
    assert.deepEqual(log.names(), ["connecting", "open", "waiting", "connecting", "open"]);
    assert.deepEqual(log.entries[0]?.args[0], { state: "connecting", kind: "websocket", attempt: 1 });
    assert.equal((log.entries[4]?.args[0] as Open | undefined)?.resumed, true);
    const channel = connect(proxy.url, { transports: ["http-streaming"] });
    t.after(() => channel.close());
    await new Promise((resolve) => channel.onStatus(resolve));
  });

  it("a bounded story of its attempts", async (t) => {
    const options = { reconnectDelayMs: 1, maxReconnectDelayMs: 1, maxAttempts: 17 };
    const { log, channel } = dial(t, "http://127.0.0.1:9", options);
    await log.waitFor("close", { timeoutMs: 10_000 });
    const story = channel.explain();
    assert.equal(story.length, 100);
    assert.equal(story.at(-1)?.event, "left");
    assert.ok(story.every(({ atMs }) => Math.abs(Date.now() - atMs) < 60_000));
  });
});

describe("misuse of a client", () => {
  const misuses: readonly [name: string, misuse: (as: (more: object) => object) => unknown, text: RegExp][] = [
    ["an address of another sort", () => connect("ftp://a/"), /the URL must be/],
    ["a relative address outside of a page", () => connect("/live"), /the URL must be/],
    ["an option that is none", (as) => connect("http://a/", as({ transport: ["websocket"] })), /must be among/],
    [
      "a transport that is none",
      (as) => connect("http://a/", as({ transports: ["carrier-pigeon"] })),
      /transports must be/,
    ],
    ["no transports", (as) => connect("http://a/", as({ transports: [] })), /transports must be/],
    ["a member that all objects have", (as) => connect("http://a/", as({ toString: () => "" })), /must be among/],
    ["an address among the options", (as) => connect("http://a/", as({ url: "http://b/" })), /must be among/],
    ["a token that is none", (as) => connect("http://a/", as({ token: "t" })), /token must be a function/],
    ["a fetch that is none", (as) => connect("http://a/", as({ fetch: 1 })), /fetch must be a function/],
    ["a WebSocket that is none", (as) => connect("http://a/", as({ WebSocket: {} })), /WebSocket must be/],
    ["credentials of another sort", (as) => connect("http://a/", as({ credentials: "yes" })), /credentials must be/],
    ["header fields that are none", (as) => connect("http://a/", as({ headers: "x: y" })), /headers must be/],
    ["a header field that cannot be", (as) => connect("http://a/", as({ headers: { "x y": "z" } })), /headers must be/],
    ["a password in the address", () => connect("http://ada:secret@a/"), /^(?!.*secret).*the URL must be/],
    ["a limit that is none", (as) => connect("http://a/", as({ maxQueuedBytes: "1" })), /maxQueuedBytes must be/],
  ];
  for (const [name, misuse, text] of misuses) {
    it(`throws for ${name}`, () => {
      assert.throws(
        () => misuse((more) => more),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT" && text.test(error.message),
      );
    });
  }

  it("throws for data, codes and handlers that cannot be, and disturbs nothing", async (t) => {
    const { proxy } = await setSite(t);
    const { channel, log } = dial(t, proxy.url);
    await log.waitFor("open");
    const invalid = { name: "ChannelError", code: "INVALID_ARGUMENT" };
    assert.throws(() => channel.send({ a: 1 } as unknown as string), invalid);
    assert.throws(() => channel.send(null as unknown as string), invalid);
    assert.throws(() => channel.send("x".repeat(1024 * 1024)), invalid);
    for (const code of [1005, 999, 2000, 4000, 4001, 4099, 4500, 4501, 4599, 5000, 4100.5, "4100"] as number[]) {
      assert.throws(() => channel.close(code), { ...invalid, message: /code must be as in PROTOCOL\.md/ });
    }
    assert.throws(() => channel.close(1000, "x".repeat(124)), invalid);
    assert.throws(() => channel.onReceive(() => undefined), { name: "ChannelError", code: "HANDLER_ALREADY_SET" });
    assert.ok(channel.send(new Uint16Array([1, 2]).subarray(1)));
    const { args } = await log.waitFor("receive");
    assert.deepEqual(Uint8Array.from(args[0] as Uint8Array), Uint8Array.of(2, 0));
  });
});
