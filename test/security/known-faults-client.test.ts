import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { connect, type ConnectOptions } from "../../src/client.ts";
import { createSessions, type SessionChannel } from "../../src/index.ts";
import type { AttachedRecord } from "../../src/protocol/control-record.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import { createFaultProxy, type Fault } from "../../src/testing.ts";
import { webSocketOf } from "../../src/websocket.ts";
import { dial, received, setSite } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { deferred } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const kinds = ["websocket", "http-streaming", "long-polling"] as const;
const sample = "é漢😀";

/** The real fetch, whose bodies come byte by byte. */
const fetchByBytes: typeof fetch = async (...asked) => {
  const response = await fetch(...asked);
  const bytewise = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
    },
  });
  return new Response(response.body?.pipeThrough(bytewise) ?? null, response);
};

describe("B01 a character of UTF-8 that is cut", () => {
  for (const kind of kinds) {
    it(`B01 between any two of its bytes arrives whole at the client over ${kind}`, async (t) => {
      const { proxy } = await setSite(t);
      proxy.set({ type: "split" });
      const client = dial(t, proxy.url, { transports: [kind], fetch: fetchByBytes });
      const messages = [sample, `x${sample}`, `xx${sample}`, "\ufeff", sample.repeat(30)];
      for (const message of messages) client.channel.send(message);
      await client.log.waitFor("receive", { count: messages.length, timeoutMs: 10_000 });
      assert.deepEqual(received(client), messages);
    });
  }
});

describe("B04 a client that is refused each time", { concurrency: 3 }, () => {
  const faults: Readonly<Record<string, Fault[]>> = {
    "at the port": [{ type: "refuse" }],
    "behind the head": [{ type: "cut", how: "fin", afterBytes: 0 }],
    "once a WebSocket is open": [{ type: "close-upgrade" }],
  };

  /** @returns how often it dials in a second */
  async function attemptsOf(t: TestContext, url: string, options: ConnectOptions = {}): Promise<number> {
    const limits = { reconnectDelayMs: 100, maxReconnectDelayMs: 400, fallbackDelayMs: 100 };
    const { channel } = dial(t, url, { ...limits, ...options });
    let attempts = 0;
    const seen = new Set<unknown>();
    const endMs = performance.now() + 1000;
    while (performance.now() < endMs) {
      for (const entry of channel.explain()) {
        if (entry.event === "dialled" && !seen.has(entry)) attempts += 1;
        seen.add(entry);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return attempts;
  }

  for (const [where, set] of Object.entries(faults)) {
    it(`B04 ${where} dials a few times a second, and not without end`, async (t) => {
      const { proxy } = await setSite(t);
      proxy.set(set);
      const transports = where.includes("WebSocket") ? (["websocket"] as const) : kinds;
      const attempts = await attemptsOf(t, proxy.url, { transports });
      assert.ok(attempts >= 2 && attempts < 80, `${attempts} attempts`);
    });
  }

  for (const [how, act] of Object.entries<(channel: SessionChannel) => void>({
    "a code that lets it come back": (channel) => void channel.close(4100, "full"),
    "the end of its session, again and again": (channel) => void channel.close(1001, "moving"),
  })) {
    it(`B04 by ${how} dials a few times a second over every transport`, async (t) => {
      for (const kind of kinds) {
        const sessions = createSessions();
        let opened = 0;
        const { port } = await setServer(t, (request) =>
          sessions.accept(request, (channel) => {
            opened += 1;
            act(channel);
          }),
        );
        await attemptsOf(t, `http://127.0.0.1:${port}/`, { transports: [kind] });
        assert.ok(opened < 40, `${opened} sessions over ${kind}`);
      }
    });
  }

  it("B04 by who may have a session not at all: it is told and over, and where the server is busy it waits", async (t) => {
    for (const [authorize, most] of [
      [() => undefined, 1],
      [
        () => {
          throw new Error("down");
        },
        80,
      ],
    ] as const) {
      let asked = 0;
      const { url } = await setCounted(t, (count) => {
        asked = count;
        return authorize();
      });
      await attemptsOf(t, url, { transports: ["http-streaming"] });
      assert.ok(asked >= 1 && asked <= most, `${asked} times`);
    }
  });

  async function setCounted(t: TestContext, authorize: (count: number) => string | undefined) {
    let count = 0;
    const sessions = createSessions({ authorize: () => authorize((count += 1)) });
    const { port } = await setServer(t, (request) => sessions.accept(request, () => undefined));
    return { url: `http://127.0.0.1:${port}/` };
  }
});

/** A server of streams that answers each attach with these records and the end, in one write. */
async function setLastWords(t: TestContext, words: (attach: number) => readonly SessionRecord[]) {
  let attaches = 0;
  const server = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (bytes: Buffer) => body.push(bytes));
    request.on("end", () => {
      const records: SessionRecord[] = [];
      new RecordDecoder(2 ** 20, (record) => records.push(record)).push(Buffer.concat(body));
      const [head] = records;
      const isAttach = typeof head === "object" && "type" in head && head.type === "attach";
      if (isAttach) attaches += 1;
      response.setHeader("Content-Type", "application/octet-stream");
      response.setHeader("Connection", "close");
      const said = isAttach ? words(head.attach) : [{ type: "ack", received: 0 } as const];
      response.end(Buffer.concat(said.map((record) => encodeRecord(record))));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, attaches: () => attaches };
}

function attachedTo(attach: number): AttachedRecord {
  const times = { pingIntervalMs: 25_000, pongTimeoutMs: 10_000, pollHoldMs: 20_000, resumeWindowMs: 120_000 };
  const names = { session: "a-session-of-a-test", secret: "a-secret-of-a-test-01" };
  return { type: "attached", attach, resumed: false, received: 0, first: 1, maxMessageBytes: 1000, ...names, ...times };
}

describe("B05 the last word of a server that comes with the end of the connection", () => {
  for (const [what, record, code] of [
    ["the end of the session", { type: "close", code: 4600, reason: "over" }, 4600],
    ["that the client may have none", { type: "detach", code: 4501, reason: "denied" }, 4501],
  ] as const) {
    it(`B05 is heard: ${what}, behind a message, and nothing is dialled again`, async (t) => {
      const { url, attaches } = await setLastWords(t, (attach) => [attachedTo(attach), "last words", record]);
      const client = dial(t, url, { transports: ["http-streaming"], reconnectDelayMs: 5 });
      const { args } = await client.log.waitFor("close");
      assert.equal((args[1] as { code: number }).code, code);
      assert.deepEqual(received(client), ["last words"]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal(attaches(), 1);
    });
  }
});

describe("B06 what a handler of the client throws", () => {
  for (const kind of kinds) {
    it(`B06 is reported by the platform, and disturbs neither its channel nor the next message, over ${kind}`, async (t) => {
      const reported: unknown[] = [];
      const later = queueMicrotask;
      t.mock.method(globalThis, "queueMicrotask", (run: () => void) =>
        later(() => {
          try {
            run();
          } catch (error) {
            reported.push(error);
          }
        }),
      );
      const { proxy, log } = await setSite(t);
      const told = new Recorder();
      const failing =
        (name: string) =>
        (...args: unknown[]): never => {
          told.record(name, ...args);
          throw new Error(name);
        };
      const channel = connect(proxy.url, { WebSocket, transports: [kind], resumeWindowMs: 5000 });
      t.after(() => channel.close());
      channel.onReceive(failing("receive"));
      channel.onStatus(failing("status"));
      channel.onClose(failing("close"));
      for (const message of ["one", "two", "three"]) channel.send(message);
      await told.waitFor("receive", { count: 3 });
      assert.deepEqual(
        told.of("receive").map(({ args }) => args[0]),
        ["one", "two", "three"],
      );
      assert.equal(channel.isOpen, true);
      channel.close();
      assert.equal(told.of("close").length, 1);
      await log.waitFor("close");
      assert.deepEqual(
        new Set(reported.map((error) => (error as Error).message)),
        new Set(["receive", "status", "close"]),
      );
    });
  }

  it("B06 or a function that it is given is a failed attempt: the token, header fields, fetch and WebSocket", async (t) => {
    const { proxy } = await setSite(t);
    for (const name of ["token", "headers", "fetch", "WebSocket"] as const) {
      let calls = 0;
      const failing = function (this: unknown): never {
        calls += 1;
        throw new Error(`no ${name}`);
      };
      const transports = [name === "WebSocket" ? "websocket" : "http-streaming"] as const;
      const client = dial(t, proxy.url, {
        transports,
        reconnectDelayMs: 20,
        maxReconnectDelayMs: 20,
        [name]: failing,
      });
      const { args } = await client.log.waitFor("waiting", { count: 2 });
      assert.match((args[0] as { cause: string }).cause, new RegExp(`no ${name}`));
      assert.ok(calls >= 2 && client.channel.isOpen);
      client.channel.close();
    }
  });
});

describe("B07 a machine that sleeps for an hour", () => {
  it("B07 finds each of its channels again, whatever they were at: what was answered meanwhile is taken, what waits is dialled", async (t) => {
    const open = await setSite(t);
    const swallowed = await setSite(t);
    const refused = await setSite(t);
    const asking = deferred<string>();
    swallowed.proxy.set({ type: "delay", direction: "to-client", delayMs: 3000 });
    refused.proxy.set({ type: "refuse" });
    const carried = kinds.map((kind) => dial(t, open.proxy.url, { transports: [kind] }));
    for (const { log } of carried) await log.waitFor("open");
    const connecting = dial(t, swallowed.proxy.url, { transports: ["websocket"] });
    const asked = dial(t, open.proxy.url, { transports: ["http-streaming"], token: () => asking.promise });
    const hourMs = 3_600_000;
    const waiting = dial(t, refused.proxy.url, { reconnectDelayMs: 2 * hourMs, maxReconnectDelayMs: 2 * hourMs });
    await waiting.log.waitFor("waiting");
    refused.proxy.clear();
    // The clock on the wall goes on while a machine sleeps, timers do not.
    const clock = Date.now;
    t.mock.method(Date, "now", () => clock() + hourMs);
    await waiting.log.waitFor("open", { timeoutMs: 7000 });
    asking.resolve("token");
    const all = [...carried, connecting, asked, waiting];
    for (const { log } of [connecting, asked]) await log.waitFor("open", { timeoutMs: 10_000 });
    for (const { channel } of all) channel.send("awake");
    for (const client of all) await client.log.waitFor("receive", { timeoutMs: 20_000 });
    for (const client of all) assert.deepEqual(received(client), ["awake"]);
    assert.deepEqual(
      [open, swallowed, refused].map(({ sessions }) => sessions.size),
      [kinds.length + 1, 1, 1],
    );
  });
});

describe("B08 a user who changes while the client still dials for the one before", () => {
  for (const [when, isFirst] of [
    ["behind that to the later one", false],
    ["before that to the later one", true],
  ] as const) {
    it(`B08 is the user of the session: an answer to the earlier attach, which comes ${when}, carries nothing`, async (t) => {
      const asked = new Recorder();
      const [ada, eve] = [deferred(), deferred()];
      if (!isFirst) eve.resolve();
      const sessions = createSessions({
        authorize: async (request) => {
          const user = request.headers.get("authorization")?.slice(7);
          asked.record(`${user}`);
          await (user === "ada" ? ada : eve).promise;
          return user;
        },
      });
      const said: string[] = [];
      const { port } = await setServer(t, (request) =>
        sessions.accept(request, (channel) =>
          channel.onReceive((message) => {
            said.push(`${channel.attachment}: ${String(message)}`);
            channel.send(message);
          }),
        ),
      );
      let isChanged = false;
      const client = dial(t, `http://127.0.0.1:${port}/`, {
        transports: ["websocket", "http-streaming"],
        // The WebSocket asks first.
        fallbackDelayMs: 700,
        climbDelayMs: 100_000,
        reconnectDelayMs: 20,
        token: () => {
          const user = isChanged ? "eve" : "ada";
          isChanged = true;
          return user;
        },
      });
      client.channel.send("of eve");
      await asked.waitFor("eve");
      if (isFirst) {
        ada.resolve();
        // At the answer it asks once more.
        await asked.waitFor("eve", { count: 2 });
        eve.resolve();
      } else {
        await client.log.waitFor("open");
        ada.resolve();
      }
      await client.log.waitFor("receive", { timeoutMs: 5000 });
      client.channel.send("more of eve");
      await client.log.waitFor("receive", { count: 2 });
      assert.deepEqual(said, ["eve: of eve", "eve: more of eve"]);
    });
  }
});

describe("B09 what is sent as soon as a channel is open", () => {
  for (const kind of kinds) {
    it(`B09 does not overtake what waited for that, over ${kind}`, async (t) => {
      const { proxy, log } = await setSite(t);
      proxy.set({ type: "refuse" });
      const channel = connect(proxy.url, {
        WebSocket,
        transports: [kind],
        reconnectDelayMs: 10,
        maxReconnectDelayMs: 10,
        resumeWindowMs: 500,
      });
      t.after(() => channel.close());
      const isWaiting = deferred();
      channel.onStatus(({ state }) => {
        if (state === "waiting") isWaiting.resolve();
        if (state === "open") channel.send("inside");
      });
      for (const message of ["one", "two", "three"]) channel.send(message);
      await isWaiting.promise;
      proxy.clear();
      await log.waitFor("receive", { count: 4 });
      assert.deepEqual(
        log.of("receive").map(({ args }) => args[0]),
        ["one", "two", "three", "inside"],
      );
    });
  }
});

describe("B10 a message that takes time to be read", () => {
  it("B10 keeps its place: a Blob is sent before the text behind it, over every transport", async (t) => {
    for (const kind of kinds) {
      const { proxy, log } = await setSite(t);
      const Dialled = webSocketOf({ WebSocket, transports: [kind], resumeWindowMs: 500 });
      const socket = new Dialled(proxy.url.replace("http", "ws"));
      socket.addEventListener("open", () => {
        socket.send(new Blob([new Uint8Array(200_000)]));
        socket.send("text");
        socket.send(new Blob(["x"]));
        socket.send("more");
      });
      await log.waitFor("receive", { count: 4 });
      const sorts = log.of("receive").map(({ args: [message] }) => (typeof message === "string" ? message : "bytes"));
      assert.deepEqual(sorts, ["bytes", "text", "bytes", "more"]);
      socket.close();
    }
  });
});

describe("B11 a client whose session is gone when it comes back", () => {
  for (const kind of kinds) {
    it(`B11 is told so and goes on in a new one, over ${kind}`, async (t) => {
      let sessions = createSessions();
      const { port } = await setServer(t, (request) =>
        sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message))),
      );
      const proxy = await createFaultProxy({ target: { port } });
      t.after(() => proxy.close());
      const client = dial(t, proxy.url, { transports: [kind], reconnectDelayMs: 10 });
      client.channel.send("one");
      await client.log.waitFor("receive");
      sessions = createSessions();
      proxy.cut();
      const { args } = await client.log.waitFor("open", { count: 2 });
      const { resumed, reason } = args[0] as { resumed: boolean; reason: string };
      assert.deepEqual([resumed, reason], [false, "expired"]);
      client.channel.send("two");
      await client.log.waitFor("receive", { count: 2 });
      assert.deepEqual(received(client), ["one", "two"]);
      assert.equal(sessions.size, 1);
    });
  }
});
