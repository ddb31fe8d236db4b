import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { createListeners, createSessions } from "../../src/index.ts";
import type { AttachedRecord, AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { subprotocol } from "../../src/protocol/http-fields.ts";
import { setServer } from "../server/set-server.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { dial, setSite } from "./site.ts";

guardAgainstUnhandled();

const onlyWebSocket = ["websocket"] as const;

type Say = (record: ControlRecord) => void;

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
    assert.equal(opened, 4);
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

  it("passes by what closes its WebSocket for its own reasons before any answer", async (t) => {
    const sessions = createSessions();
    const { request, stop } = createListeners((asked) => sessions.accept(asked, () => undefined));
    const gate = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol });
    const server = createServer(request).listen(0, "127.0.0.1");
    server.on("upgrade", (asked, socket, head) => {
      gate.handleUpgrade(asked, socket, head, (opened) => opened.close(1008, "policy"));
    });
    await once(server, "listening");
    t.after(async () => {
      await stop({ timeoutMs: 0 });
      server.close();
      server.closeAllConnections();
    });
    const { channel, log } = dial(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await log.waitFor("open");
    assert.equal(channel.kind, "http-streaming");
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
