// oxlint-disable unicorn/prefer-add-event-listener -- handlers are what is tested; libraries set them
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { WebSocket as PlainWebSocket } from "ws";
import type { SessionChannel } from "../../src/index.ts";
import { type ConnectOptions, SessionWebSocket, webSocketOf } from "../../src/websocket.ts";
import { SessionWebSocket as PublishedWebSocket } from "channelkit/websocket";
import { deferred } from "../support/expect.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { networks, setSite, type Site } from "./site.ts";
import { standardClasses, useOwn } from "./standard-types.ts";

guardAgainstUnhandled();

const echo = (channel: SessionChannel): void => channel.onReceive((message) => void channel.send(message));

/** Dials, and records what it tells: `open`, `message` (data), `error` (message), `close` (code, reason, wasClean). */
function dial(t: TestContext, site: Site, protocols?: string | string[]): { socket: SessionWebSocket; log: Recorder } {
  const socket = new site.WebSocket(site.url, protocols);
  const log = new Recorder();
  socket.onopen = () => log.record("open");
  socket.onmessage = ({ data }) => log.record("message", data);
  socket.onerror = ({ message }) => log.record("error", message);
  socket.onclose = ({ code, reason, wasClean }) => log.record("close", code, reason, wasClean);
  t.after(() => socket.close());
  return { socket, log };
}

const closed = ({ log }: { readonly log: Recorder }): unknown[] | undefined => log.of("close")[0]?.args;

describe("a WebSocket over a session", () => {
  for (const { kind, ...network } of networks) {
    it(`opens, sends and closes over ${kind} as one of a browser does`, async (t) => {
      const ends = new Recorder();
      const use = (channel: SessionChannel): void => {
        echo(channel);
        channel.onClose((status, { code, reason }) => ends.record("close", status, code, reason));
      };
      const site = await setSite(t, use, { ...network, protocols: ["b", "a"] });
      const client = dial(t, site, ["a", "b"]);
      const { socket, log } = client;
      assert.deepEqual([socket.readyState, socket.protocol, socket.url], [0, "", `${site.url}/`]);
      assert.throws(() => socket.send("early"), { name: "InvalidStateError" });
      await log.waitFor("open");
      assert.deepEqual([socket.readyState, socket.protocol, socket.extensions], [1, "b", ""]);
      socket.send("text");
      assert.equal(socket.bufferedAmount, 4);
      await log.waitFor("message");
      socket.close(4321, "bye");
      assert.equal(socket.readyState, 2);
      await log.waitFor("close");
      assert.deepEqual([socket.readyState, ...(closed(client) ?? [])], [3, 4321, "bye", true]);
      assert.deepEqual((await ends.waitFor("close")).args.slice(1), [4321, "bye"]);
      assert.deepEqual(log.names(), ["open", "message", "close"]);
      socket.send("late");
      assert.equal(socket.bufferedAmount, 4);
      assert.deepEqual(site.kinds(), [kind]);
    });
  }

  it("sends text, buffers, views and blobs in their order, and copies bytes", async (t) => {
    const site = await setSite(t, echo);
    const { socket, log } = dial(t, site);
    socket.binaryType = "arraybuffer";
    await log.waitFor("open");
    const bytes = new Uint8Array([1, 2, 3, 4]);
    socket.send("first");
    socket.send(new Blob(["blob"]));
    socket.send(new DataView(bytes.buffer, 1, 2));
    socket.send(bytes.buffer);
    bytes.fill(0);
    socket.send("");
    socket.send(new Uint8Array(0));
    assert.equal(socket.bufferedAmount, 15);
    socket.close();
    const { args } = await log.waitFor("close");
    // No code was given, and the standard has a number for that.
    assert.deepEqual(args, [1005, "", true]);
    const { socket: other, log: otherLog } = dial(t, site);
    await otherLog.waitFor("open");
    other.send(new Blob(["blob"]));
    const blob = (await otherLog.waitFor("message")).args[0];
    assert.ok(blob instanceof Blob);
    assert.equal(await blob.text(), "blob");
  });

  it("gives the messages of the server in their order, as the chosen type", async (t) => {
    const got = new Recorder();
    const site = await setSite(t, (channel) => {
      channel.onReceive((message) => got.record("message", message));
    });
    const { socket, log } = dial(t, site);
    await log.waitFor("open");
    const bytes = new Uint8Array([1, 2, 3, 4]);
    socket.send("first");
    socket.send(new Blob(["blob"]));
    socket.send(new DataView(bytes.buffer, 1, 2));
    socket.send(bytes.buffer);
    bytes.fill(0);
    socket.send("last");
    await got.waitFor("message", { count: 5 });
    const texts = got.of("message").map(({ args }) => {
      const [message] = args;
      return typeof message === "string" ? message : Buffer.from(message as Uint8Array).toString("latin1");
    });
    assert.deepEqual(texts, ["first", "blob", "\x02\x03", "\x01\x02\x03\x04", "last"]);
  });

  it("has events for listeners and handlers, in the order in which they were set", async (t) => {
    const site = await setSite(t, echo);
    const socket = new site.WebSocket(site.url);
    t.after(() => socket.close());
    const log = new Recorder();
    socket.onopen = () => log.record("replaced");
    socket.addEventListener("open", () => log.record("listener"));
    socket.onopen = () => log.record("handler");
    assert.equal(typeof socket.onopen, "function");
    socket.onclose = () => log.record("removed");
    socket.onclose = null;
    socket.addEventListener("close", () => log.record("close"), { once: true });
    socket.addEventListener("close", () => log.record("second"));
    // It was taken away, and so lost its place.
    socket.onclose = () => log.record("last");
    await log.waitFor("listener");
    assert.deepEqual(log.names(), ["handler", "listener"]);
    socket.close();
    await log.waitFor("last");
    assert.deepEqual(log.names(), ["handler", "listener", "close", "second", "last"]);
  });

  it("refuses what that of a browser refuses", async (t) => {
    const site = await setSite(t, echo);
    const { socket, log } = dial(t, site);
    await log.waitFor("open");
    for (const code of [0, 999, 1001, 1006, 2999, 2999.4, 5000, Number.NaN, Infinity]) {
      assert.throws(() => socket.close(code), { name: "InvalidAccessError" }, `${code}`);
    }
    assert.throws(() => socket.close(1000, "é".repeat(62)), { name: "SyntaxError" });
    assert.equal(socket.readyState, 1);
    assert.throws(() => new SessionWebSocket(site.url, { headers: {} } as object), { name: "NotSupportedError" });
    socket.binaryType = "other" as "blob";
    assert.equal(socket.binaryType, "blob");
    for (const url of ["nowhere", "ftp://127.0.0.1", "ws://127.0.0.1/#part", "ws://"]) {
      assert.throws(() => new SessionWebSocket(url), { name: "SyntaxError" }, url);
    }
    for (const protocols of ["a b", "", ["a", "a"], ["é"]]) {
      assert.throws(() => new SessionWebSocket(site.url, protocols), { name: "SyntaxError" }, String(protocols));
    }
  });

  it("rounds a code, and tells the reason as text, as Web IDL has it", async (t) => {
    const ends = new Recorder();
    const use = (channel: SessionChannel): void =>
      channel.onClose((_status, { code, reason }) => ends.record("close", code, reason));
    const site = await setSite(t, use);
    const client = dial(t, site);
    await client.log.waitFor("open");
    client.socket.close(3000.4, null as unknown as string);
    assert.deepEqual((await client.log.waitFor("close")).args, [3000, "null", true]);
    assert.deepEqual((await ends.waitFor("close")).args, [3000, "null"]);
  });

  it("has the events of the platform, which can be copied as libraries do", async (t) => {
    const site = await setSite(t, (channel) => {
      channel.send("hello");
      channel.close(4100, "done");
    });
    const socket = new site.WebSocket(site.url);
    const events = new Recorder();
    for (const type of ["open", "message", "close"])
      socket.addEventListener(type, (event) => events.record(type, event));
    await events.waitFor("close");
    const [, message, close] = events.entries.map(({ args }) => args[0] as Event);
    const { MessageEvent, CloseEvent } = globalThis as { MessageEvent?: object; CloseEvent?: object };
    assert.equal(message?.constructor, MessageEvent);
    if (CloseEvent !== undefined) assert.equal(close?.constructor, CloseEvent);
    const { origin } = message as Event & { origin: string };
    assert.equal(origin, site.url);
    const Class = close?.constructor as new (type: string, init: unknown) => { code: number; reason: string };
    const { code, reason } = new Class("close", close);
    assert.deepEqual([code, reason], [4100, "done"]);
  });

  it("fails when nothing can be reached", async (t) => {
    const site = await setSite(t, echo);
    site.proxy.set({ type: "refuse" });
    const client = dial(t, site);
    await client.log.waitFor("close");
    assert.deepEqual(client.log.names(), ["error", "close"]);
    assert.deepEqual(closed(client), [1006, "", false]);
  });

  it("opens although its own transports took the session from each other at first", async (t) => {
    let count = 0;
    /** What comes over the first one comes late: the server has moved the session to the stream by then. */
    class LateWebSocket extends PlainWebSocket {
      readonly #isLate = count++ === 0;

      override emit(...event: Parameters<PlainWebSocket["emit"]>): boolean {
        if (!this.#isLate) site.proxy.clear();
        if (!this.#isLate || event[0] === "open") return super.emit(...event);
        setTimeout(() => super.emit(...event), 600);
        return true;
      }
    }
    const client: ConnectOptions = {
      WebSocket: LateWebSocket,
      transports: ["websocket", "http-streaming"],
      fallbackDelayMs: 200,
    };
    const site = await setSite(t, echo, { client, faults: [{ type: "hold-response", on: "stream" }] });
    const { socket, log } = dial(t, site);
    await log.waitFor("open", { timeoutMs: 5000 });
    socket.send("hello");
    await log.waitFor("message");
    assert.deepEqual(log.names(), ["open", "message"]);
    assert.equal(site.kinds().length, 1);
  });

  it("fails when the server chooses none of its subprotocols, and closes the session", async (t) => {
    const ends = new Recorder();
    const site = await setSite(t, (channel) => channel.onClose(ends.as("close")), { protocols: ["other"] });
    const client = dial(t, site, "chat");
    await client.log.waitFor("close");
    assert.deepEqual(client.log.names(), ["error", "close"]);
    assert.deepEqual(closed(client), [1006, "", false]);
    await ends.waitFor("close");
  });

  it("tells the code by which a client is denied", async (t) => {
    const site = await setSite(t, echo, { sessions: { authorize: () => undefined } });
    const client = dial(t, site);
    await client.log.waitFor("close");
    assert.deepEqual(closed(client), [4501, "", false]);
  });

  it("can be closed before it is open, and leaves no session behind", async (t) => {
    const ends = new Recorder();
    const site = await setSite(t, (channel) => channel.onClose(ends.as("close")));
    const early = dial(t, site);
    early.socket.close();
    await early.log.waitFor("close");
    assert.deepEqual(early.log.names(), ["error", "close"]);
    assert.deepEqual(site.kinds(), []);
    const late = dial(t, site);
    await new Promise(setImmediate);
    late.socket.close();
    await late.log.waitFor("close");
    assert.deepEqual(late.log.names(), ["error", "close"]);
    await ends.waitFor("close");
    assert.equal(site.kinds().length, 1);
  });

  it("delivers each code of the server, also one that would call a client back", async (t) => {
    for (const code of [1000, 1011, 3000, 4100, 4401, 4999]) {
      const site = await setSite(t, (channel) => channel.close(code, `code ${code}`));
      const client = dial(t, site);
      await client.log.waitFor("close");
      assert.deepEqual(closed(client), [code, `code ${code}`, true]);
      assert.equal(site.kinds().length, 1);
    }
  });

  it("is closed in good order where the answer to a poll overtakes that to its end", async (t) => {
    const isAtServer = deferred();
    /** Sends the poll behind the end, and loses the answer to that. */
    const overtaking: typeof fetch = async (url, init) => {
      const records = await new Response(init?.body).text();
      if (isClosing && records.includes('"poll"')) await isAtServer.promise;
      const response = await fetch(url, init);
      if (!records.includes('"close"')) return response;
      isAtServer.resolve();
      return new Promise<never>(() => undefined);
    };
    const site = await setSite(t, echo, { client: { transports: ["long-polling"], fetch: overtaking } });
    const client = dial(t, site);
    let isClosing = false;
    client.socket.addEventListener("message", () => {
      isClosing = true;
      client.socket.close(4321, "bye");
    });
    await client.log.waitFor("open");
    client.socket.send("the last word");
    await client.log.waitFor("close");
    assert.deepEqual(closed(client), [4321, "bye", true]);
  });

  it("outlives a connection, and ends with its session, which no other one follows", async (t) => {
    const channels: SessionChannel[] = [];
    const use = (channel: SessionChannel): void => {
      channels.push(channel);
      echo(channel);
    };
    const site = await setSite(t, use, {
      sessions: { limits: { resumeWindowMs: 200 } },
      client: { resumeWindowMs: 60_000 },
    });
    const client = dial(t, site);
    await client.log.waitFor("open");
    site.proxy.cut();
    client.socket.send("over the next one");
    await client.log.waitFor("message");
    const ended = new Promise((resolve) => channels[0]?.onClose(resolve));
    site.proxy.set({ type: "refuse" });
    site.proxy.cut();
    client.socket.send("for a session that is lost");
    await ended;
    site.proxy.clear();
    await client.log.waitFor("close", { timeoutMs: 3000 });
    assert.deepEqual(client.log.names(), ["open", "message", "error", "close"]);
    assert.deepEqual(closed(client), [1006, "", false]);
    assert.equal(channels.length, 1);
  });

  it("fails when the server stays away for longer than it keeps a session", async (t) => {
    const site = await setSite(t, echo, { client: { resumeWindowMs: 100 } });
    const client = dial(t, site);
    await client.log.waitFor("open");
    site.proxy.set({ type: "refuse" });
    site.proxy.cut();
    await client.log.waitFor("close");
    assert.deepEqual(closed(client), [1006, "", false]);
  });

  it("fails when too much waits, and when a message is larger than the server takes", async (t) => {
    const ends = new Recorder();
    const use = (channel: SessionChannel): void => channel.onClose((_status, { code }) => ends.record("close", code));
    const site = await setSite(t, use, { client: { maxQueuedBytes: 1000 } });
    const full = dial(t, site);
    await full.log.waitFor("open");
    full.socket.send("x".repeat(600));
    full.socket.send("x".repeat(600));
    await full.log.waitFor("close");
    assert.deepEqual(closed(full), [1006, "", false]);
    assert.deepEqual((await ends.waitFor("close")).args, [1001]);
    const large = dial(t, site);
    await large.log.waitFor("open");
    const blob = new Blob(["x".repeat(2 ** 21)]);
    blob.arrayBuffer = () => assert.fail("it was read, and is refused by its size");
    large.socket.send(blob);
    await large.log.waitFor("close");
    assert.deepEqual(closed(large), [1009, "", false]);
    assert.deepEqual((await ends.waitFor("close", { count: 2 })).args, [1009]);
  });

  it("bounds what waits behind a blob that is read, in bytes and in messages", async (t) => {
    const site = await setSite(t, echo, { client: { maxQueuedBytes: 1000, maxQueuedMessages: 10 } });
    for (const { text, most } of [
      { text: "", most: 10 },
      { text: "x".repeat(300), most: 3 },
    ]) {
      const client = dial(t, site);
      await client.log.waitFor("open");
      client.socket.send(new Blob([text]));
      for (let count = 1; count < most; count++) client.socket.send(text);
      assert.equal(client.socket.readyState, 1);
      client.socket.send(text);
      assert.equal(client.socket.readyState, 2);
      await client.log.waitFor("close");
      assert.deepEqual(closed(client), [1006, "", false]);
    }
  });
});

describe("webSocketOf", () => {
  it("has the constants, as class and as what it makes, and checks options at once", () => {
    const classes = [...standardClasses, SessionWebSocket, webSocketOf({ WebSocket: PlainWebSocket })];
    for (const each of classes.flatMap((made) => [made, made.prototype])) {
      assert.deepEqual([each.CONNECTING, each.OPEN, each.CLOSING, each.CLOSED], [0, 1, 2, 3]);
    }
    assert.throws(() => webSocketOf({ transport: [] } as object), { name: "ChannelError", code: "INVALID_ARGUMENT" });
  });

  it("takes code that is written for the WebSocket of the platform", async (t) => {
    const site = await setSite(t, (channel) =>
      channel.onReceive(() => {
        channel.send("text");
        channel.close(4100);
      }),
    );
    const [, Made] = standardClasses;
    const socket = Made && new Made(site.url.replace("ws", "http"), { protocols: [] });
    assert.ok(socket instanceof PublishedWebSocket);
    const log = new Recorder();
    useOwn(socket, (said) => log.record("said", said));
    socket.addEventListener("close", log.as("close"));
    await log.waitFor("close");
    assert.deepEqual(
      log.of("said").map(({ args }) => args[0]),
      ["text"],
    );
  });

  it("can stand in the place of the global one, and does not dial by itself then", async (t) => {
    const site = await setSite(t, echo);
    const had = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
    Object.defineProperty(globalThis, "WebSocket", { value: webSocketOf(), configurable: true });
    t.after(() => {
      if (had === undefined) Reflect.deleteProperty(globalThis, "WebSocket");
      else Object.defineProperty(globalThis, "WebSocket", had);
    });
    const { WebSocket } = globalThis as unknown as { WebSocket: typeof SessionWebSocket };
    const socket = new WebSocket(site.url);
    t.after(() => socket.close());
    const log = new Recorder();
    socket.onopen = log.as("open");
    await log.waitFor("open");
    assert.deepEqual(site.kinds(), [had === undefined ? "http-streaming" : "websocket"]);
  });
});
