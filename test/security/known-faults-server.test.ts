import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, describe, it, type TestContext } from "node:test";
import {
  type Channel,
  encodeEvent,
  eventStreamHeaders,
  type Limits,
  type SessionsOptions,
  withChannel,
} from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { credentialsOf, post } from "../session-server/session-client.ts";
import { messagesOf, setSessions } from "../session-server/set-sessions.ts";
import { eventually, within } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const sample = "é漢😀";
const kibibyte = "x".repeat(1024);
const kinds = ["websocket", "http-streaming", "long-polling"] as const;
type Kind = (typeof kinds)[number];

/** A server that notes the messages, the channels and their ends. */
async function setChannels(t: TestContext, limits: Partial<Limits> = {}) {
  const log = new Recorder();
  const { port } = await setServer(
    t,
    (request) =>
      withChannel(request, (channel) => {
        channel.onReceive(log.as("message"));
        channel.onClose(log.as("close"));
        if (request.url.endsWith("/stream")) channel.send("begin", { close: false });
        log.record("open", channel);
      }),
    { limits },
  );
  let count = 0;
  const open = async (kind: Kind): Promise<{ client: RawClient; channel: Channel }> => {
    const path = kind === "http-streaming" ? "/stream" : "/";
    let client: RawClient;
    if (kind === "websocket") client = (await openWebSocket(port)).client;
    else {
      client = await connectRaw(port);
      client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      if (kind === "http-streaming") {
        await client.readHead();
        await client.readChunk();
      }
    }
    count += 1;
    return { client, channel: (await log.waitFor("open", { count })).args[0] as Channel };
  };
  return { port, log, open };
}

describe("B01 a character of UTF-8 that is cut", () => {
  it("B01 between any two of its bytes arrives whole at the server: over fragments, segments and bodies", async (t) => {
    const { port, log } = await setChannels(t);
    const bytes = Buffer.from(sample);
    const socket = await openWebSocket(port);
    let expected = 0;
    for (let at = 0; at <= bytes.length; at += 1) {
      const parts = [frames.text(bytes.subarray(0, at), { fin: false }), frames.continuation(bytes.subarray(at))];
      socket.send(...parts);
      const frame = frames.text(sample);
      await socket.client.writeSplit(frame, at);
      expected += 2;
    }
    await log.waitFor("message", { count: expected });
    assert.ok(log.of("message").every(({ args }) => args[0] === sample));
    const sessions = await setSessions(t);
    const { attached } = await attachBy("poll", sessions.port);
    assert.ok(attached);
    const credentials = credentialsOf(attached);
    const client = await connectRaw(sessions.port);
    for (let first = 1; first <= bytes.length; first += 1) {
      const request = post([{ type: "send", attach: 1, first, received: 0 }, sample], { credentials });
      await client.writeSplit(request, request.length - first);
      assert.equal((await client.readResponse()).status, 200);
    }
    assert.deepEqual(new Set(messagesOf(sessions.log)), new Set([sample]));
    const echo = await setServer(t, async (request) => new Response(await request.text()));
    const head = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunked = await connectRaw(echo.port);
    chunked.write(head);
    for (const byte of bytes)
      chunked.write(Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
    chunked.write("0\r\n\r\n");
    assert.equal((await chunked.readResponse()).text, sample);
  });
});

describe("B02 line ends in an event", () => {
  it("B02 are line ends for its reader, and break out of nothing", async (t) => {
    const cases = [
      "a\nb",
      "a\rb",
      "a\r\nb",
      "\n",
      "",
      " leading",
      "a\n\nb",
      "a\n\ndata: forged\n\nevent: x",
      "\r\n\r\n",
    ];
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        channel.send({ headers: eventStreamHeaders, body: "" }, { close: false });
        for (const data of cases) channel.send(encodeEvent({ data }), { close: false });
        channel.close();
      }),
    );
    const client = await connectRaw(port);
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const { text } = await client.readResponse();
    assert.deepEqual(
      eventsOf(text),
      cases.map((data) => data.replaceAll(/\r\n|\r/g, "\n")),
    );
    for (const line of ["a\nb", "a\rb"]) {
      assert.throws(() => encodeEvent({ data: "x", event: line }), { code: "INVALID_ARGUMENT" });
      assert.throws(() => encodeEvent({ data: "x", id: line }), { code: "INVALID_ARGUMENT" });
    }
  });
});

/** As WHATWG HTML §9.2.6 reads a stream. */
function eventsOf(text: string): string[] {
  const events: string[] = [];
  let data: string[] | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === "") {
      if (data !== undefined) events.push(data.join("\n"));
      data = undefined;
    } else if (line.startsWith("data:")) (data ??= []).push(line.slice(5).replace(/^ /, ""));
    else assert.fail(line);
  }
  return events;
}

describe("B03 a message in a POST", () => {
  it("B03 is what was sent, in whatever chunks and segments it comes", async (t) => {
    const { port, log } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const messages = ["one", "", "two\r\n\r\n", "x".repeat(300)];
    const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
    const request = post([send, ...messages], { credentials: credentialsOf(attached) });
    const at = request.indexOf("\r\n\r\n") + 4;
    const client = await connectRaw(port);
    client.write(request.toString("latin1", 0, at).replace(/Content-Length: \d+/, "Transfer-Encoding: chunked"));
    for (const byte of request.subarray(at)) {
      client.write(Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
    }
    client.write("0\r\n\r\n");
    assert.equal((await client.readResponse()).status, 200);
    assert.deepEqual(messagesOf(log), messages);
  });
});

describe("B12 a client that leaves", () => {
  for (const kind of kinds) {
    it(`B12 by a reset, or its end, is told of at once and without a write, over ${kind}`, async (t) => {
      const { log, open } = await setChannels(t);
      for (const [index, leave] of (["reset", "destroy", "end"] as const).entries()) {
        const { client, channel } = await open(kind);
        client[leave]();
        await log.waitFor("close", { count: index + 1, timeoutMs: 500 });
        assert.equal(channel.isOpen, false);
      }
    });
  }

  it("B12 without a word is found by pings over a WebSocket, and by what it does not take over a stream", async (t) => {
    const { log, open } = await setChannels(t, { pingIntervalMs: 100, pongTimeoutMs: 100 });
    const { client } = await open("websocket");
    client.pause();
    assert.equal((await log.waitFor("close")).args[0], "abnormal");
    const { client: reader, channel } = await open("http-streaming");
    reader.pause();
    for (let count = 0; count < 64_000 && channel.isOpen; count += 1) {
      channel.send(kibibyte, { close: false });
      if (count % 64 === 0) await new Promise(setImmediate);
    }
    assert.equal((await log.waitFor("close", { count: 2 })).args[0], "overflow");
  });

  it("B12 without a word leaves no session behind, whatever carried it", async (t) => {
    const limits: SessionsOptions<undefined>["limits"] = {
      pingIntervalMs: 100,
      pongTimeoutMs: 100,
      streamTickMs: 100,
      pollHoldMs: 100,
      pollReturnMs: 100,
      resumeWindowMs: 200,
    };
    const { port, sessions, log } = await setSessions(t, { limits });
    for (const transport of transports) (await attachBy(transport, port)).client.pause();
    await log.waitFor("close", { count: transports.length });
    assert.equal(sessions.size, 0);
  });
});

/** Sends until the socket takes no more, and much waits behind it. */
async function fill(channel: Channel): Promise<void> {
  do {
    while (channel.bufferedAmount < 500_000) channel.send(kibibyte, { close: false });
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (channel.bufferedAmount < 400_000);
}

describe("B13 a wait for room", () => {
  for (const kind of ["websocket", "http-streaming"] as const) {
    it(`B13 ends when the client does, over ${kind}`, async (t) => {
      const { open } = await setChannels(t);
      const { client, channel } = await open(kind);
      client.pause();
      await fill(channel);
      const waits = [channel.drained(), channel.flushed()];
      client.reset();
      await within(1000, Promise.all(waits), "the waits");
      await eventually(() => assert.equal(channel.isOpen, false));
    });
  }

  it("B13 ends when the session does, over every transport", async (t) => {
    for (const transport of transports) {
      const { port, channels } = await setSessions(t, { limits: { resumeWindowMs: 100 } });
      const { client } = await attachBy(transport, port);
      const [channel] = channels;
      assert.ok(channel);
      while (channel.bufferedAmount < 200_000) channel.send(kibibyte);
      const wait = channel.drained();
      client.reset();
      channel.close();
      await within(1000, wait, "the wait");
    }
  });
});

describe("B14 a Close", () => {
  it("B14 is answered by one Close, and what comes behind it by nothing", async (t) => {
    const { port, log } = await setChannels(t);
    const socket = await openWebSocket(port);
    socket.send(
      frames.close(1000),
      frames.text("behind"),
      frames.close(1000),
      frames.ping("behind"),
      frames.close(1001),
    );
    await socket.expectCloseAndEnd(1000);
    assert.deepEqual(log.of("message"), []);
    const { open } = await setChannels(t);
    const { client, channel } = await open("websocket");
    channel.close(4100, "enough");
    await client.read("frame", frames.parseFrame);
    client.write(Buffer.concat([frames.text("behind"), frames.close(4100), frames.close(4100), frames.text("x")]));
    await client.expectEnd();
  });
});

describe("B15 a client that ends its side and reads nothing", () => {
  it("B15 holds no socket and no backlog: none stays in CLOSE_WAIT, whatever it carried", async (t) => {
    const { port, open, log } = await setChannels(t, { closeTimeoutMs: 200, lingerTimeoutMs: 200, idleTimeoutMs: 300 });
    for (let count = 0; count < 30; count += 1) {
      const { client, channel } = await open(kinds[count % kinds.length] ?? "websocket");
      client.pause();
      channel.send(kibibyte.repeat(900), { close: false });
      client.end();
    }
    await log.waitFor("close", { count: 30, timeoutMs: 5000 });
    await eventually(() => assert.deepEqual(statesOf(port).get(closeWait) ?? 0, 0), { timeoutMs: 5000 });
  });
});

const closeWait = "08";

/** In which states the sockets of a port of this machine are, and how many (Linux). */
function statesOf(port: number): Map<string, number> {
  const states = new Map<string, number>();
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local = "", , state = ""] = line.trim().split(/\s+/);
    if (local.endsWith(suffix)) states.set(state, (states.get(state) ?? 0) + 1);
  }
  return states;
}
