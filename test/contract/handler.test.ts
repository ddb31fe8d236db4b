import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { type Channel, type ChannelError, serve, withChannel } from "../../src/index.ts";
import { type Deferred, deferred, within } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { RawWebSocket } from "../support/websocket-client.ts";
import { eachKind, getRequest, longPolling, nextPath, socketOf, webSocket } from "./kinds.ts";
import { Park } from "./park.ts";
import { sourceForms } from "./sources.ts";

/** A handler that asks somebody else first, as one that looks up who the client is. */
type Slow = {
  readonly port: number;
  readonly log: Recorder;
  readonly gate: Deferred<void>;
  readonly errors: ChannelError[];
};

async function startSlow(t: TestContext, use: (channel: Channel, log: Recorder) => void): Promise<Slow> {
  const log = new Recorder();
  const gate = deferred();
  const errors: ChannelError[] = [];
  const server = await serve(
    async (request) => {
      log.record("asked");
      await gate.promise;
      return withChannel(request, (channel) => {
        log.record("open", channel.isOpen);
        use(channel, log);
      });
    },
    { port: 0, onError: (error) => errors.push(error) },
  );
  t.after(async () => {
    gate.resolve();
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  });
  return { port: server.port, log, gate, errors };
}

const requests = [
  { kind: "websocket", request: handshakeRequest(), status: "abnormal" },
  { kind: "long-polling", request: getRequest("/"), status: "client-close" },
] as const;

const ways: readonly { readonly how: string; readonly leave: (client: RawClient) => void }[] = [
  { how: "FIN", leave: (client) => client.end() },
  { how: "RST", leave: (client) => client.reset() },
];

function useAll(channel: Channel, log: Recorder): void {
  channel.onReceive(log.as("receive"));
  channel.onClose((status) => log.record("close", status));
}

for (const { kind, request, status } of requests) {
  for (const { how, leave } of ways) {
    test(`${kind}: a client that leaves (${how}) before its channel is taken is told as ${status}, and is no fault of the handler [C12] [C65]`, async (t) => {
      const { port, log, gate, errors } = await startSlow(t, useAll);
      const client = await connectRaw(port);
      client.write(request);
      await log.waitFor("asked");
      leave(client);
      await delay(50);
      gate.resolve();
      const { args } = await log.waitFor("close");
      assert.deepEqual(args, [status]);
      assert.deepEqual(log.names(), ["asked", "open", "close"]);
      assert.deepEqual(errors, []);
    });
  }

  test(`${kind}: the channel of a client that was reset before it is taken is closed from the start [C2] [C83]`, async (t) => {
    const results: unknown[] = [];
    const { port, log, gate, errors } = await startSlow(t, (channel) => {
      results.push(channel.isOpen, channel.send("late"), channel.close(), channel.bufferedAmount);
      log.record("used");
    });
    const client = await connectRaw(port);
    client.write(request);
    await log.waitFor("asked");
    client.reset();
    await delay(50);
    gate.resolve();
    await log.waitFor("used");
    assert.deepEqual(results, [false, false, false, 0]);
    assert.deepEqual(errors, []);
  });
}

test("websocket: what comes while an asynchronous handler runs is kept for its channel [C10] [C12]", async (t) => {
  const { port, log, gate } = await startSlow(t, useAll);
  const client = await connectRaw(port);
  client.write(Buffer.concat([Buffer.from(handshakeRequest()), frames.text("1")]));
  await log.waitFor("asked");
  client.write(Buffer.concat([frames.text("2"), frames.close(1000)]));
  await client.expectNothing(50);
  gate.resolve();
  await log.waitFor("close");
  assert.deepEqual(log.names(), ["asked", "open", "receive", "receive", "close"]);
  const head = await client.readHead();
  assert.equal(head.status, 101);
  await new RawWebSocket(client, head).expectCloseAndEnd(1000);
});

test("websocket: what is sent and closed before the 101 follows it [C11] [C123]", async (t) => {
  const { port, gate } = await startSlow(t, (channel) => {
    channel.send("first");
    channel.send("last", { close: true });
    assert.equal(channel.send("late"), false);
  });
  const client = await connectRaw(port);
  client.write(handshakeRequest());
  gate.resolve();
  const socket = new RawWebSocket(client, await client.readHead());
  assert.equal(await socket.nextMessage(), "first");
  assert.equal(await socket.nextMessage(), "last");
  await socket.expectClose(1000);
});

const used: Deferred<void>[] = [];

eachKind(
  "the end does not wait for an asynchronous use, which still learns of it [C65]",
  async (kind, park) => {
    const gate = deferred();
    used.push(gate);
    const peer = await kind.open(park);
    peer.client.reset();
    while (peer.channel.isOpen) await nextTurn();
    assert.deepEqual(peer.log.names(), ["open"]);
    gate.resolve();
    const { args } = await peer.log.waitFor("late close");
    assert.equal(args[0], kind.isWebSocket ? "abnormal" : "client-close");
  },
  {
    unset: ["onClose"],
    use: async ({ channel, log }) => {
      await used.at(-1)?.promise;
      channel.onClose((status) => log.record("late close", status));
    },
  },
);

test("websocket: a close handler that is set while a receive handler runs waits for it like any other [C65] [C76]", async () => {
  const running = deferred();
  const park = await Park.start({
    unset: ["onClose"],
    use: ({ channel, log }) =>
      channel.onReceive(async () => {
        log.record("start");
        await running.promise;
        log.record("end");
      }),
  });
  try {
    const peer = await webSocket.open(park);
    socketOf(peer).sendText("1");
    await peer.log.waitFor("start");
    peer.channel.close();
    peer.channel.onClose((status) => peer.log.record("close", status));
    await delay(30);
    assert.deepEqual(peer.log.names(), ["open", "start"]);
    running.resolve();
    await peer.log.waitFor("close");
    assert.deepEqual(peer.log.names(), ["open", "start", "end", "close"]);
  } finally {
    await park.stop();
  }
});

eachKind(
  "stopping the server lets go of a stream that stalls, and tells the end once [C44] [C138]",
  async (kind, park) => {
    for (const { create } of sourceForms.slice(0, 1)) {
      const peer = await kind.open(park);
      const source = create();
      peer.push("begun");
      assert.equal(await peer.readText(), "begun");
      peer.push(source.body);
      const stopped = park.server.stop({ timeoutMs: 200 });
      await within(1000, source.released, "the release of the source");
      await peer.expectClose("server-close", { code: 1001 });
      peer.expectDead();
      assert.equal(await within(1000, stopped, "stop"), true);
      assert.equal(peer.log.of("close").length, 1);
    }
  },
);

eachKind(
  "a channel is taken once: the second withChannel of a request throws, and the first channel stays [C1] [C9]",
  async (kind, park) => {
    const path = nextPath();
    const client = await connectRaw(park.port);
    client.write(kind.isWebSocket ? handshakeRequest({ path }) : getRequest(path));
    const { channel, log, request } = await park.at(path);
    assert.throws(() => withChannel(request, () => undefined), { code: "CHANNEL_UNAVAILABLE" });
    assert.equal(channel.isOpen, true);
    channel.close();
    await log.waitFor("close");
    assert.throws(() => withChannel(request, () => undefined), { code: "CHANNEL_UNAVAILABLE" });
  },
  { kinds: [webSocket, longPolling] },
);
