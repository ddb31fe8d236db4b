import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Channel, serve, withChannel } from "../../src/index.ts";
import { deferred } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { eachKind, getRequest, nextPath } from "./kinds.ts";
import { parkTest } from "./park.ts";

const rounds = 200;
const five = ["1", "2", "3", "4", "5"];

parkTest(
  "websocket: the order is open, receive, close when all of it comes with the handshake, 200 times [C12]",
  async (park) => {
    for (let round = 0; round < rounds; round++) {
      const path = nextPath();
      const firstFrames = Buffer.concat([frames.text("1"), frames.text("2"), frames.close(1000)]);
      const socket = await openWebSocket(park.port, path, { firstFrames });
      const { log } = await park.at(path);
      await log.waitFor("close");
      assert.deepEqual(log.names(), ["open", "receive", "receive", "close"]);
      socket.client.destroy();
    }
  },
);

parkTest(
  "websocket: close never comes before open when the client leaves with the handshake, 200 times [C12]",
  async (park) => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < rounds; round++) {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(handshakeRequest({ path }));
      const way = random.int(0, 2);
      if (way === 0) client.write(frames.close(1000));
      else if (way === 1) client.end();
      else {
        await nextTurn();
        client.reset();
      }
      // A client that is gone before its request was read never had a channel.
      if (way === 2 && !(await wasRead(park, path))) continue;
      const { log } = await park.at(path);
      await log.waitFor("close");
      assert.deepEqual(log.names(), ["open", "close"], `round ${round} of seed ${random.seed}, way ${way}`);
      client.destroy();
    }
  },
);

async function wasRead(park: { has(path: string): boolean }, path: string): Promise<boolean> {
  for (let turn = 0; turn < 20 && !park.has(path); turn++) await nextTurn();
  return park.has(path);
}

test("websocket: slow receive handlers run one at a time, and the close handler runs after the last of them, 200 times [C12] [C76] [C86]", async () => {
  const logs = new Map<string, Recorder>();
  const server = await serve(
    (request) =>
      withChannel(request, (channel) => {
        const log = new Recorder();
        logs.set(new URL(request.url).pathname, log);
        channel.onReceive(async (message) => {
          log.record(`start ${String(message)}`);
          await nextTurn();
          await nextTurn();
          log.record(`end ${String(message)}`);
        });
        channel.onClose(() => log.record("close"));
      }),
    { port: 0 },
  );
  const expected = five.flatMap((name) => [`start ${name}`, `end ${name}`]);
  try {
    for (let round = 0; round < rounds; round++) {
      const path = nextPath();
      const burst = five.map((name) => frames.text(name));
      const socket = await openWebSocket(server.port, path, { firstFrames: [...burst, frames.close(1000)] });
      const log = logs.get(path);
      assert.ok(log);
      await log.waitFor("close");
      assert.deepEqual(log.names(), [...expected, "close"]);
      socket.client.destroy();
    }
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

eachKind(
  "the close handler runs exactly once when server and client end the channel at once, 200 times [C64]",
  async (kind, park) => {
    const random = new Random(seedFromEnvironment());
    const seen = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      const peer = await kind.open(park);
      const departure = random.pick(kind.departures);
      const steps = random.shuffle([
        () => departure.leave(peer.client),
        () => void peer.channel.close(),
        () => void peer.push("a"),
        () => void peer.channel.send("b", { close: true }),
      ]);
      for (const step of steps) {
        step();
        for (let turns = random.int(0, 2); turns > 0; turns--) await nextTurn();
      }
      const { args } = await peer.log.waitFor("close");
      const status = String(args[0]);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      peer.expectDead();
      peer.client.destroy();
      await nextTurn();
      const where = `round ${round} of seed ${random.seed}: ${departure.how}`;
      assert.deepEqual(peer.log.names(), ["open", "close"], where);
      const possible: readonly string[] = ["server-close", ...kind.departures.map((each) => each.status)];
      assert.ok(possible.includes(status), `${status} in ${where}`);
    }
    assert.ok(seen.has("server-close"), "the server won at least once");
  },
);

eachKind(
  "a closing send and a close in one turn call the close handler once, 200 times [C26] [C64]",
  async (kind, park) => {
    for (let round = 0; round < rounds; round++) {
      const peer = await kind.open(park);
      const results = [peer.channel.send("last", { close: true }), peer.channel.close(), peer.channel.close()];
      assert.deepEqual(results, [true, false, false]);
      assert.deepEqual(peer.log.names(), ["open", "close"]);
      assert.equal(await peer.readText(), "last");
      peer.client.destroy();
    }
  },
);

test("websocket: an upgrade that the handler refuses after taking its channel ends as server-close, 200 times [C97]", async () => {
  const taken: { channel: Channel; log: Recorder }[] = [];
  const server = await serve(
    (request) => {
      withChannel(request, (channel) => {
        const log = new Recorder();
        taken.push({ channel, log });
        channel.onReceive(log.as("receive"));
        channel.onClose(log.as("close"));
        channel.send("must not leave");
      });
      return new Response("no", { status: 401 });
    },
    { port: 0, onError: (error) => assert.equal(error.code, "ANSWERED_TWICE") },
  );
  try {
    for (let round = 0; round < rounds; round++) {
      const client = await connectRaw(server.port);
      client.write(Buffer.concat([Buffer.from(handshakeRequest()), frames.text("early"), frames.close(1000)]));
      const response = await client.readResponse();
      assert.equal(response.status, 401);
      assert.equal(response.text, "no");
      await client.expectEnd();
      const last = taken.at(-1);
      assert.ok(last);
      const { args } = await last.log.waitFor("close");
      assert.equal(args[0], "server-close");
      assert.deepEqual(last.log.names(), ["close"]);
      assert.equal(last.channel.send("late"), false);
      client.destroy();
    }
    assert.equal(taken.length, rounds);
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

parkTest(
  "long-polling: polls that are answered and left at once get one close each, 200 times [C64] [C67]",
  async (park) => {
    const random = new Random(seedFromEnvironment());
    for (let round = 0; round < rounds; round++) {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(getRequest(path));
      const { channel, log } = await park.at(path);
      if (random.chance(0.5)) client.end();
      else client.reset();
      for (let turns = random.int(0, 3); turns > 0; turns--) await nextTurn();
      const wasSent = channel.send("answer");
      const { args } = await log.waitFor("close");
      assert.equal(args[0], wasSent ? "server-close" : "client-close", `round ${round} of seed ${random.seed}`);
      await nextTurn();
      assert.deepEqual(log.names(), ["open", "close"]);
      client.destroy();
    }
  },
);

test("websocket: messages wait until an asynchronous use is done, and come in order behind it, 200 times [C10] [C12]", async () => {
  const log = new Recorder();
  let opened = deferred();
  const server = await serve(
    (request) =>
      withChannel(request, async (channel) => {
        const current = opened;
        log.record("open");
        channel.onClose(() => {
          log.record("close");
          current.resolve();
        });
        await nextTurn();
        await nextTurn();
        channel.onReceive((message) => log.record(String(message)));
      }),
    { port: 0 },
  );
  try {
    for (let round = 0; round < rounds; round++) {
      opened = deferred();
      log.entries.length = 0;
      const firstFrames = [frames.text("1"), frames.text("2"), frames.close(1000)];
      const socket = await openWebSocket(server.port, "/", { firstFrames });
      await opened.promise;
      assert.deepEqual(log.names(), ["open", "1", "2", "close"]);
      socket.client.destroy();
    }
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});
