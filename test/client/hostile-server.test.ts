import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { type WebSocket, WebSocketServer } from "ws";
import { createListeners, createSessions } from "../../src/index.ts";
import type { AttachedRecord, AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { subprotocol } from "../../src/protocol/http-fields.ts";
import { setServer } from "../server/set-server.ts";
import type { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { dial, setSite } from "./site.ts";

guardAgainstUnhandled();

const onlyWebSocket = ["websocket"] as const;

type Say = (record: ControlRecord | Readonly<Record<string, unknown>>) => void;

/** A server of WebSockets that says what a test wants it to, behind each attach. */
async function setLiar(t: TestContext, answer: (attach: AttachRecord, say: Say) => void) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => subprotocol });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on("connection", (socket: WebSocket) => {
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      const record = isBinary ? undefined : (JSON.parse(String(data)) as ControlRecord);
      if (record?.type !== "attach") return;
      answer(record, (said) => {
        socket.send(Buffer.alloc(0));
        socket.send(JSON.stringify(said));
      });
    });
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

type Front = {
  /** What stands between answers a request by itself. */
  readonly request?: (asked: IncomingMessage, answer: ServerResponse) => boolean;
  readonly upgrade?: (socket: WebSocket) => void;
};

/** A server behind something that answers some of what comes in its place. */
async function setFront(t: TestContext, { request: take, upgrade }: Front): Promise<string> {
  const sessions = createSessions();
  const { request, stop } = createListeners((asked) => sessions.accept(asked, () => undefined));
  const gate = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol });
  const server = createServer((asked, answer) => {
    if (take?.(asked, answer) !== true) request(asked, answer);
  });
  server.on("upgrade", (asked, socket, head) => {
    gate.handleUpgrade(asked, socket, head, (opened) => upgrade?.(opened));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await stop({ timeoutMs: 0 });
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** With which code a client ends. */
async function codeOf(log: Recorder): Promise<unknown> {
  const { args } = await log.waitFor("close");
  return (args[1] as { readonly code: number }).code;
}

/** Why a client waits. */
async function causeOf(log: Recorder): Promise<string> {
  const { args } = await log.waitFor("waiting");
  return (args[0] as { readonly cause: string }).cause;
}

function attachedTo({ attach }: AttachRecord): AttachedRecord {
  const times = { pingIntervalMs: 25_000, pongTimeoutMs: 10_000, pollHoldMs: 20_000, resumeWindowMs: 120_000 };
  const names = { session: "a-session-of-a-liar", secret: "a-secret-of-a-liar-01" };
  return { type: "attached", attach, resumed: false, received: 0, first: 1, maxMessageBytes: 1000, ...names, ...times };
}

describe("a client", () => {
  it("ends by a code that no WebSocket may be closed with, and does not wait for ever", async (t) => {
    const { url } = await setLiar(t, (_attach, say) => say({ type: "detach", code: 5000, reason: "odd" }));
    const { log } = dial(t, url, { transports: onlyWebSocket });
    assert.deepEqual((await log.waitFor("close")).args[1], { code: 5000, reason: "odd", wasClean: false });
  });

  it("dials one transport beside what it has, however often it is told to go", async (t) => {
    let attaches = 0;
    let say: Say | undefined;
    const { server, url } = await setLiar(t, (attach, answer) => {
      attaches += 1;
      if (attaches > 1) return;
      say = answer;
      answer(attachedTo(attach));
    });
    const { log } = dial(t, url, { transports: onlyWebSocket });
    await log.waitFor("open");
    for (let count = 0; count < 50; count += 1) {
      say?.({ type: "goaway", afterMs: 0 });
      // Not to wait for something: so much apart, each would dial by itself.
      await delay(5);
    }
    assert.ok(attaches > 1);
    assert.ok(server.clients.size <= 3, `${server.clients.size} connections`);
  });

  it("backs off from a server that closes each session at once, and gives up after as many attempts as it may make", async (t) => {
    const sessions = createSessions();
    let opened = 0;
    const { port } = await setServer(t, (request) =>
      sessions.accept(request, (channel) => {
        opened += 1;
        channel.close(4100, "full");
      }),
    );
    const url = `http://127.0.0.1:${port}/`;
    const { log } = dial(t, url, { transports: onlyWebSocket, maxAttempts: 3, reconnectDelayMs: 5 });
    await log.waitFor("close", { timeoutMs: 5000 });
    assert.equal(opened, 3);
  });

  it("tells nothing behind its end, though its last messages still have to leave", async (t) => {
    const site = await setSite(t);
    const { channel, log } = dial(t, site.proxy.url);
    channel.send("last");
    channel.close();
    await site.log.waitFor("close");
    assert.deepEqual(
      site.log.of("receive").map(({ args }) => args[0]),
      ["last"],
    );
    assert.equal(log.names().includes("open"), false);
    assert.equal(log.names().at(-1), "close");
  });

  it("takes times that are longer than a timer can be", async (t) => {
    const { proxy } = await setSite(t, { limits: { pingIntervalMs: 2 ** 31 - 1 } });
    const { log } = dial(t, proxy.url, { attachTimeoutMs: Infinity, fallbackDelayMs: 2 ** 40 });
    await log.waitFor("open");
    assert.equal(log.of("connecting").length, 1);
  });

  const strangers: Readonly<Record<string, (socket: WebSocket) => void>> = {
    "closes its WebSocket for its own reasons": (socket) => socket.close(1008, "policy"),
    "sends over its WebSocket what is no record": (socket) => {
      socket.send(Buffer.alloc(0));
      socket.send("<html>");
    },
  };
  for (const [what, act] of Object.entries(strangers)) {
    it(`passes by what ${what} before any answer`, async (t) => {
      const url = await setFront(t, { upgrade: act });
      const { channel, log } = dial(t, url, { fallbackDelayMs: 10_000 });
      await log.waitFor("open");
      assert.equal(channel.kind, "http-streaming");
    });
  }

  for (const kind of ["http-streaming", "long-polling"] as const) {
    it(`ends with 4503 where something between takes no message of this size, over ${kind}`, async (t) => {
      const url = await setFront(t, {
        request: (asked, answer) => {
          if (Number(asked.headers["content-length"] ?? 0) < 1000) return false;
          answer.writeHead(413, { "content-type": "text/html" }).end("<html>Request Entity Too Large</html>");
          return true;
        },
      });
      const { channel, log } = dial(t, url, { transports: [kind], reconnectDelayMs: 5 });
      await log.waitFor("open");
      channel.send("x".repeat(2000));
      const [status, detail] = (await log.waitFor("close")).args as [string, { code: number; reason: string }];
      assert.equal(status, "abnormal");
      assert.equal(detail.code, 4503);
      assert.match(detail.reason, /^status 413/);
    });
  }

  it("says why it waits where something in front refuses every transport, and tries again until it is told to stop", async (t) => {
    const url = await setFront(t, {
      request: (_asked, answer) => {
        answer.writeHead(403, { "content-type": "text/html" }).end("<html>Forbidden</html>");
        return true;
      },
      upgrade: (socket) => socket.close(1008, "forbidden"),
    });
    let asked = 0;
    const options = { reconnectDelayMs: 5, token: () => `token ${(asked += 1)}` };
    const { channel, log } = dial(t, url, options);
    for (const { args } of [
      await log.waitFor("waiting"),
      await log.waitFor("waiting", { count: 3, timeoutMs: 5000 }),
    ]) {
      assert.match((args[0] as { readonly cause: string }).cause, /^1006 status 403/);
    }
    assert.ok(asked >= 6, `asked ${asked} times`);
    assert.equal(channel.isOpen, true);
    channel.close(3000, "log in again");
    assert.deepEqual((await log.waitFor("close")).args, [
      "client-close",
      { code: 3000, reason: "log in again", wasClean: true },
    ]);
    const bounded = dial(t, url, { ...options, maxAttempts: 2 });
    const [status, detail] = (await bounded.log.waitFor("close", { timeoutMs: 5000 })).args as [
      string,
      { reason: string },
    ];
    assert.equal(status, "abnormal");
    assert.match(detail.reason, /^1006 status 403/);
  });

  it("asks once where each answer is one to an attach that there never was", async (t) => {
    let attaches = 0;
    const { url } = await setLiar(t, (attach, say) => {
      attaches += 1;
      say({ ...attachedTo(attach), attach: attach.attach + 1 });
    });
    const { log } = dial(t, url, { transports: onlyWebSocket, attachTimeoutMs: 200, reconnectDelayMs: 60_000 });
    assert.match(await causeOf(log), /^4007/);
    assert.equal(attaches, 1);
  });

  const wrong: readonly object[] = [
    ...[0.5, "1", -1, null].map((received) => ({ type: "ack", received })),
    { type: "goaway", afterMs: -1 },
    { type: "close", code: "4100", reason: "" },
    { type: "ack" },
    { type: "goaway" },
    { type: "close", reason: "" },
    { type: "detach", reason: "" },
    { received: 1 },
    [],
  ];
  for (const record of wrong) {
    it(`ends by what carries it with a fault when ${JSON.stringify(record)} comes`, async (t) => {
      const { url } = await setLiar(t, (attach, say) => {
        say(attachedTo(attach));
        say(record as Readonly<Record<string, unknown>>);
      });
      const { log } = dial(t, url, { transports: onlyWebSocket });
      assert.equal(await codeOf(log), 4500);
      const json = JSON.stringify(record);
      const stream = await setFront(t, {
        request: (_asked, answer) => {
          const attached = JSON.stringify(attachedTo({ type: "attach", attach: 1, received: 0 }));
          answer.writeHead(200).write(`c${attached.length}:${attached}c${json.length}:${json}`);
          return true;
        },
      });
      const other = dial(t, stream, { transports: ["http-streaming"] });
      assert.equal(await codeOf(other.log), 4500);
    });
  }

  const answers = [
    { received: -1 },
    { first: 0.5 },
    { pingIntervalMs: "1" },
    { pollHoldMs: null },
    { maxMessageBytes: 1.5 },
    { pongTimeoutMs: undefined },
  ];
  for (const part of answers) {
    it(`leaves a transport whose answer has ${inspect(part)}`, async (t) => {
      const { url } = await setLiar(t, (attach, say) => say({ ...attachedTo(attach), ...part }));
      const { log } = dial(t, url, { transports: onlyWebSocket, reconnectDelayMs: 60_000 });
      assert.match(await causeOf(log), new RegExp(`^1006 ChannelError: record ${Object.keys(part)[0]} must be`));
    });
  }

  const unknown = { waitMs: "soon", code: "x", attach: [], "": 0, more: { type: "ack", received: -1, code: null } };
  const ofLaterVersions: readonly Readonly<Record<string, unknown>>[] = [
    { type: "ack", received: 0, ...unknown },
    { type: "ping", received: "all", afterMs: null, ...unknown },
    { type: "notice", received: -1, afterMs: {}, ...unknown },
    { type: "constructor", ...unknown },
  ];
  it("ignores fields that it does not know, of whatever type, and types of records", async (t) => {
    const attached = (attach: AttachRecord) => ({ ...unknown, afterMs: "x", ...attachedTo(attach) });
    const { server, url } = await setLiar(t, (attach, say) => {
      for (const record of [attached(attach), ...ofLaterVersions]) say(record);
      for (const socket of server.clients) socket.send("still here");
    });
    const stream = await setFront(t, {
      request: (_asked, answer) => {
        const records = [attached({ type: "attach", attach: 1, received: 0 }), ...ofLaterVersions];
        const texts = records.map((record) => JSON.stringify(record));
        answer.writeHead(200).write(`${texts.map((text) => `c${text.length}:${text}`).join("")}t10:still here`);
        return true;
      },
    });
    const clients = [dial(t, url, { transports: onlyWebSocket }), dial(t, stream, { transports: ["http-streaming"] })];
    for (const { log } of clients) {
      assert.deepEqual((await log.waitFor("receive")).args, ["still here"]);
      assert.deepEqual(log.of("close"), []);
    }
  });

  it("gives each attach its time, also over a transport that has taken some", async (t) => {
    const { url } = await setLiar(t, (attach, say) => void delay(900).then(() => say(attachedTo(attach))));
    // The poll is refused at once, and makes the first attach one that is not the latest: the second is answered at 1800 ms.
    const { channel, log } = dial(t, url, {
      transports: ["websocket", "long-polling"],
      fallbackDelayMs: 50,
      attachTimeoutMs: 1500,
    });
    await log.waitFor("open", { timeoutMs: 10_000 });
    const dialled = channel.explain().flatMap(({ kind, event }) => (event === "dialled" ? [kind] : []));
    assert.deepEqual(dialled, ["websocket", "long-polling"]);
  });

  it("leaves no listener on the signal of a link for each of its requests", async (t) => {
    const { proxy } = await setSite(t);
    let signal: AbortSignal | undefined;
    // Without the signal, since fetch has listeners of its own there.
    const fetchWithout: typeof fetch = (url, init = {}) => {
      signal = init.signal ?? undefined;
      return fetch(url, { ...init, signal: null });
    };
    const { channel, log } = dial(t, proxy.url, { transports: ["http-streaming"], fetch: fetchWithout });
    for (let count = 1; count <= 20; count += 1) {
      channel.send(`${count}`);
      await log.waitFor("receive", { count });
    }
    assert.ok(signal !== undefined);
    // That of the stream, of a send that may be under way, and of who counts tabs.
    const { length } = getEventListeners(signal, "abort");
    assert.ok(length <= 3, `${length} listeners`);
  });
});
