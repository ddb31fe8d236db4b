import assert from "node:assert/strict";
import { afterEach, describe, it, type TestContext } from "node:test";
import { MessageRate } from "../../src/channel/message-rate.ts";
import { type Channel, createSessions, type Limits, withChannel } from "../../src/index.ts";
import {
  attachRecord,
  credentialsOf,
  isControl,
  SessionRequester,
  SessionWebSocket,
} from "../session-server/session-client.ts";
import { attachedOf } from "../session-server/set-sessions.ts";
import { deflateMessage } from "../support/deflate.ts";
import { eventually } from "../support/expect.ts";
import { ping, text } from "../support/frames.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const perSecond = 2000;
const count = 4 * perSecond;
const padding = "x".repeat(200);
/** A read of 64 KiB has so many of these at most, where every other one is compressed to a few bytes, too. */
const mostInRead = Math.ceil((2 * 64 * 1024) / padding.length);
const messages = Array.from({ length: count }, (_, index) => `${index} ${padding}`);

/** A server that notes what comes, and the most that came beyond what a second, and the time since the first, allow. */
async function setPaced(t: TestContext, limits: Partial<Limits> = { maxMessagesPerSecond: perSecond }) {
  const noted = { received: [] as string[], ended: [] as unknown[], excess: 0, lastMs: 0, channels: [] as Channel[] };
  let startMs = 0;
  const use = (channel: Channel): void => {
    noted.channels.push(channel);
    channel.onReceive((message) => {
      const { length } = noted.received;
      if (length === 0) startMs = performance.now();
      noted.lastMs = performance.now() - startMs;
      noted.excess = Math.max(noted.excess, length - (noted.lastMs / 1000) * perSecond);
      noted.received.push(String(message));
    });
    channel.onClose((status) => noted.ended.push(status));
  };
  const sessions = createSessions();
  const server = await setServer(
    t,
    (request) => (sessions.accepts(request) ? sessions.accept(request, use) : withChannel(request, use)),
    { limits, compression: true },
  );
  return { ...server, noted };
}

/** Sends all of them as fast as the server takes them. Resolves when they are sent. */
const floods: Readonly<Record<string, (port: number) => Promise<void>>> = {
  "over a WebSocket": async (port) => {
    const socket = await openWebSocket(port);
    socket.send(...messages.map((message) => text(message)));
  },
  "over a WebSocket that compresses": async (port) => {
    const socket = await openWebSocket(port, "/", { extensions: "permessage-deflate" });
    socket.send(...messages.map((message, index) => (index % 2 === 0 ? text(message) : compressed(message))));
  },
  "in a session over a WebSocket": async (port) => {
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    socket.socket.send(...messages.map((message) => text(message)));
  },
  "in a session over requests": async (port) => {
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    for (let received = 0; received < count;) {
      const batch = messages.slice(received, received + 1000);
      const answer = await http.ask([{ type: "send", attach: 1, first: received + 1, received: 0 }, ...batch], {
        credentials,
      });
      const [ack] = answer.records;
      assert.ok(isControl(ack) && ack.type === "ack");
      received = ack.received;
    }
  },
};

function compressed(message: string): Buffer {
  return text(deflateMessage(message), { rsv: 4 });
}

for (const [how, flood] of Object.entries(floods)) {
  describe(`a client that sends more than maxMessagesPerSecond ${how}`, () => {
    it("has to wait until it is within it: all of it arrives, in order, and others are served meanwhile", async (t) => {
      const { port, noted, errors } = await setPaced(t);
      const other = await openWebSocket(port);
      const flooding = flood(port);
      await eventually(() => assert.ok(noted.received.length >= perSecond), { timeoutMs: 10_000 });
      const askedMs = ownTimeMs();
      other.sendText("other");
      await eventually(() => assert.ok(noted.received.includes("other")));
      assert.ok(ownTimeMs() - askedMs < 500);
      await flooding;
      await eventually(() => assert.ok(noted.received.length > count), { timeoutMs: 10_000 });
      const expected = messages.join();
      assert.equal(noted.received.filter((message) => message !== "other").join(), expected);
      assert.ok(noted.excess <= 2 * perSecond + mostInRead + 1, `${noted.excess} messages beyond the rate`);
      assert.ok(noted.lastMs > ((count - 2 * perSecond - mostInRead) / perSecond) * 1000, `in ${noted.lastMs} ms`);
      assert.deepEqual([noted.ended, errors], [[], []]);
    });
  });
}

describe("a client that is held for its rate", () => {
  const limits = { maxMessagesPerSecond: 100 };
  const burst = Array.from({ length: 400 }, () => text("x"));

  it("is not taken for dead, though nothing is heard of it", async (t) => {
    const { port, noted } = await setPaced(t, { ...limits, pingIntervalMs: 100, pongTimeoutMs: 100 });
    const socket = await openWebSocket(port);
    socket.send(...burst);
    await eventually(() => assert.equal(noted.received.length, 400));
    socket.sendText("last");
    await eventually(() => assert.equal(noted.received.at(-1), "last"), { timeoutMs: 5000 });
    assert.ok(noted.lastMs > 1500, `${noted.lastMs} ms`);
    assert.deepEqual(noted.ended, []);
  });

  it("is heard again when its channel closes, so that its Close frame counts", async (t) => {
    const { port, noted } = await setPaced(t, limits);
    const socket = await openWebSocket(port);
    socket.send(...burst);
    await eventually(() => assert.equal(noted.received.length, 400));
    noted.channels[0]?.close();
    await socket.expectClose(1000);
    socket.sendClose(1000);
    assert.equal(await socket.waitForEnd({ timeoutMs: 500 }), "fin");
  });

  it("is heard again when its channel closes, also where messages are kept back that were not inflated", async (t) => {
    const { port, noted } = await setPaced(t, limits);
    const socket = await openWebSocket(port, "/", { extensions: "permessage-deflate" });
    socket.send(...Array.from({ length: 400 }, () => compressed("x")));
    await eventually(() => assert.ok(noted.received.length >= 200));
    assert.ok(noted.received.length < 400);
    noted.channels[0]?.close();
    await socket.expectClose(1000);
    socket.sendClose(1000);
    assert.equal(await socket.waitForEnd({ timeoutMs: 500 }), "fin");
  });

  it("is held until it is let go on, and no less while what was read before takes its time", async () => {
    const told: boolean[] = [];
    const rate = new MessageRate(1000, { isOpen: true, adjustReading: () => void told.push(rate.isHeld) });
    rate.came(2001);
    assert.deepEqual(told, [true]);
    // A handler that takes as long as is needed to be within the rate again, in the same turn.
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs);
    rate.came(2002);
    assert.equal(rate.isHeld, true);
    rate.came(2300);
    assert.deepEqual(told, [true]);
    await eventually(() => assert.deepEqual(told, [true, false]));
  });

  it("is held for pings, too", async (t) => {
    const { port, noted } = await setPaced(t, limits);
    const socket = await openWebSocket(port);
    const begunMs = performance.now();
    socket.send(...Array.from({ length: 400 }, () => ping()));
    await socket.client.readBytes(800);
    socket.sendText("behind them");
    await eventually(() => assert.equal(noted.received.length, 1), { timeoutMs: 5000 });
    assert.ok(performance.now() - begunMs > 1500);
  });
});

describe("a client that sends fast, and no faster than maxMessagesPerSecond", () => {
  it("is never held: of 20 000 at once, and one behind them, by default", async (t) => {
    const { port, noted } = await setPaced(t, {});
    const socket = await openWebSocket(port);
    const burst = Buffer.concat(Array.from({ length: 1000 }, () => text("x")));
    for (let sent = 0; sent < 20_000; sent += 1000) socket.send(burst);
    await eventually(() => assert.equal(noted.received.length, 20_000), { timeoutMs: 5000 });
    const begunMs = ownTimeMs();
    socket.sendText("last");
    await eventually(() => assert.equal(noted.received.length, 20_001));
    assert.ok(ownTimeMs() - begunMs < 50);
  });
});
