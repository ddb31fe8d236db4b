import assert from "node:assert/strict";
import { type Channel, isChannelError, serve, withChannel } from "../../src/index.ts";
import { test } from "node:test";
import * as frames from "../support/frames.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { eachKind, expectProbe, getRequest, httpKinds, longPolling, nextPath, socketOf, webSocket } from "./kinds.ts";
import { parkTest } from "./park.ts";

test("a handle never answers another request of its connection [C1]", async () => {
  const taken: Channel[] = [];
  const server = await serve(
    (request) => {
      const { pathname } = new URL(request.url);
      const parked = withChannel(request, (channel) => void taken.push(channel));
      return pathname === "/answered" ? new Response("answered by the handler") : parked;
    },
    { port: 0, onError: (error) => assert.equal(error.code, "ANSWERED_TWICE") },
  );
  try {
    const client = await connectRaw(server.port);
    client.write(getRequest("/answered"));
    assert.equal((await client.readResponse()).text, "answered by the handler");
    client.write(getRequest("/parked"));
    await client.expectNothing(50);
    const [first, second] = taken;
    assert.ok(first && second);
    assert.notEqual(first, second);
    assert.notEqual(first.id, second.id);
    assert.equal(first.isOpen, false);
    assert.equal(first.send("ghost"), false);
    assert.equal(first.close(), false);
    await client.expectNothing(50);
    assert.equal(second.send("for the second"), true);
    assert.equal((await client.readResponse()).text, "for the second");
    assert.equal(client.unread.length, 0);
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

eachKind("isOpen is true from hand-over until the server closes, then false for ever [C2]", async (kind, park) => {
  const peer = await kind.open(park);
  assert.equal(peer.channel.isOpen, true);
  assert.equal(peer.push("a"), true);
  assert.equal(peer.channel.isOpen, true);
  assert.equal(await peer.readText(), "a");
  peer.channel.close();
  assert.equal(peer.channel.isOpen, false);
  await peer.expectGoodEnd();
  assert.equal(peer.channel.isOpen, false);
});

for (const kind of httpKinds) {
  parkTest(
    `${kind.name}: an old handle stays closed while the next request of its socket is parked [C2]`,
    async (park) => {
      const first = await kind.open(park);
      first.channel.close();
      await first.expectGoodEnd();
      const path = nextPath();
      first.client.write(getRequest(path));
      const second = await park.at(path);
      assert.equal(first.channel.isOpen, false);
      assert.equal(second.channel.isOpen, true);
      first.expectDead();
      await first.client.expectNothing(50);
      assert.equal(second.channel.send("second"), true);
      assert.equal((await first.client.readResponse()).text, "second");
    },
  );
}

eachKind("kind and isWebSocket tell what carries the channel [C3]", async (kind, park) => {
  const { channel } = await kind.open(park);
  assert.equal(channel.kind, kind.name);
  assert.equal(channel.isWebSocket, kind.isWebSocket);
  channel.close();
  assert.equal(channel.isWebSocket, kind.isWebSocket);
});

parkTest("long-polling becomes http-streaming with the first send that does not close it [C3]", async (park) => {
  const { channel } = await longPolling.open(park);
  assert.equal(channel.kind, "long-polling");
  channel.send("first", { close: false });
  assert.equal(channel.kind, "http-streaming");
});

parkTest("a long poll that is answered whole was long-polling to its end [C3]", async (park) => {
  const { channel } = await longPolling.open(park);
  channel.send("all of it");
  assert.equal(channel.kind, "long-polling");
});

eachKind("close() returns true only for the call that closed the channel [C4]", async (kind, park) => {
  const peer = await kind.open(park);
  const results = Array.from({ length: 50 }, () => peer.channel.close());
  assert.deepEqual(results, [true, ...Array.from({ length: 49 }, () => false)]);
  await peer.expectGoodEnd();
  await peer.expectClose("server-close", { code: 1000, reason: "", wasClean: true });
});

eachKind("close() returns false after a send that closed the channel [C4]", async (kind, park) => {
  const peer = await kind.open(park);
  assert.equal(peer.channel.send("last", { close: true }), true);
  assert.equal(peer.channel.close(), false);
  assert.equal(peer.channel.close(), false);
  assert.equal(await peer.readText(), "last");
  await peer.expectGoodEnd();
});

eachKind("close() returns false and throws nothing after the client has left [C4]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.client.reset();
  await peer.log.waitFor("close");
  assert.equal(peer.channel.close(), false);
});

eachKind("close() of a channel that streams ends it once, in good order [C5] [C6]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.push("one");
  peer.push("two");
  assert.equal(peer.channel.close(), true);
  assert.deepEqual(await peer.readTexts(2), ["one", "two"]);
  await peer.expectGoodEnd();
});

parkTest(
  "websocket: close() sends exactly 88 02 03 E8 and tells the end without waiting for the peer [C6]",
  async (park) => {
    const peer = await webSocket.open(park);
    assert.equal(peer.channel.close(), true);
    assert.equal(peer.channel.isOpen, false);
    assert.deepEqual(peer.log.names(), ["open", "close"]);
    assert.equal((await peer.client.readBytes(4)).toString("hex"), "880203e8");
    await peer.expectClose("server-close");
  },
);

parkTest(
  "long-polling: close() before any send answers 204 without a body, and the connection lives on [C7]",
  async (park) => {
    const peer = await longPolling.open(park);
    assert.equal(peer.channel.close(), true);
    const response = await peer.client.readResponse();
    assert.equal(response.status, 204);
    assert.equal(response.header("content-length"), undefined);
    assert.equal(response.header("transfer-encoding"), undefined);
    await peer.expectClose("server-close");
    await expectProbe(peer.client);
  },
);

test("a handler that takes the channel and answers itself writes exactly one response and closes the channel [C8]", async () => {
  const log = new Recorder();
  const taken: Channel[] = [];
  const server = await serve(
    (request) => {
      withChannel(request, (channel) => {
        taken.push(channel);
        channel.onClose(log.as("close"));
      });
      return new Response("plain");
    },
    { port: 0, onError: (error) => log.record(error.code) },
  );
  try {
    const client = await connectRaw(server.port);
    client.write(getRequest("/"));
    assert.equal((await client.readResponse()).text, "plain");
    await log.waitFor("close");
    assert.equal(log.of("close")[0]?.args[0], "server-close");
    assert.deepEqual(log.names().toSorted(), ["ANSWERED_TWICE", "close"]);
    assert.equal(taken[0]?.send("ghost"), false);
    await client.expectNothing(100);
    client.write(getRequest("/"));
    assert.equal((await client.readResponse()).text, "plain");
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

test("a handler that takes the channel and throws writes exactly one 500 and closes the channel [C8]", async () => {
  const log = new Recorder();
  const taken: Channel[] = [];
  const server = await serve(
    (request) => {
      withChannel(request, (channel) => {
        taken.push(channel);
        channel.onClose(log.as("close"));
      });
      throw new Error("secret");
    },
    { port: 0, onError: (error) => log.record(error.code) },
  );
  try {
    const client = await connectRaw(server.port);
    client.write(getRequest("/"));
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.ok(!response.text.includes("secret"));
    assert.deepEqual(log.of("close")[0]?.args[0], "server-close");
    assert.equal(taken[0]?.send("ghost"), false);
    await client.expectNothing(100);
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

eachKind("a second handler of any sort throws, and the first one stays [C9]", async (kind, park) => {
  const peer = await kind.open(park);
  const { channel } = peer;
  const never = (): void => assert.fail("the second handler must not run");
  for (const set of [() => channel.onReceive(never), () => channel.onClose(never), () => channel.onPing(never)]) {
    assert.throws(set, (error) => isChannelError(error) && error.code === "HANDLER_ALREADY_SET");
  }
  assert.equal(channel.isOpen, true);
  if (kind.isWebSocket) {
    socketOf(peer).sendText("to the first");
    socketOf(peer).sendPing("p");
    await peer.log.waitFor("receive");
    await peer.log.waitFor("ping");
    await socketOf(peer).nextFrame();
  }
  channel.close();
  await peer.expectClose("server-close");
});

eachKind("a handler that is no function is refused, and a right one can still be set [C9]", async (kind, park) => {
  const { channel } = await kind.open(park);
  const wrong = "no function" as unknown as () => void;
  for (const name of ["onReceive", "onClose", "onPing"] as const) {
    assert.throws(
      () => channel[name](wrong),
      (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
    );
  }
  assert.equal(channel.isOpen, true);
});

parkTest("websocket: a message in the same segment as the handshake reaches the handler [C10]", async (park) => {
  const path = nextPath();
  const early = frames.text("early");
  await openWebSocket(park.port, path, { firstFrames: early });
  const { log } = await park.at(path);
  assert.deepEqual((await log.waitFor("receive")).args, ["early"]);
});

eachKind(
  "what is sent while the channel is handed over is the first thing on the wire [C11]",
  async (kind, park) => {
    const path = nextPath();
    if (kind.isWebSocket) {
      const socket = await openWebSocket(park.port, path);
      assert.equal(await socket.nextMessage(), "welcome");
    } else {
      const client = await connectRaw(park.port);
      client.write(getRequest(path));
      assert.equal((await client.readHead()).status, 200);
      assert.equal((await client.readChunk()).toString(), "welcome");
    }
  },
  { kinds: [webSocket, longPolling], use: ({ channel }) => void channel.send("welcome", { close: false }) },
);

eachKind(
  "50 parked channels hold up nobody, and each can be used later from code that knows no request [C13]",
  async (kind, park) => {
    const peers = await Promise.all(Array.from({ length: 50 }, () => kind.open(park)));
    const other = await connectRaw(park.port);
    await expectProbe(other);
    peers.forEach((peer, index) => assert.equal(peer.push(`for ${index}`), true));
    const texts = await Promise.all(peers.map((peer) => peer.readText()));
    assert.deepEqual(
      texts,
      peers.map((_, index) => `for ${index}`),
    );
  },
);

test("middleware around the handler sees a returned response and nothing of what a channel sends [C14]", async () => {
  const channels: Channel[] = [];
  const inner = (request: Request): Response => {
    if (new URL(request.url).pathname === "/plain") return new Response("plain");
    return withChannel(request, (channel) => void channels.push(channel));
  };
  const server = await serve(
    (request) => {
      const response = inner(request);
      response.headers.set("X-M", "1");
      return response;
    },
    { port: 0 },
  );
  try {
    const client = await connectRaw(server.port);
    client.write(getRequest("/plain"));
    assert.equal((await client.readResponse()).header("x-m"), "1");
    client.write(getRequest("/channel"));
    await client.expectNothing(50);
    channels[0]?.send({ headers: { "X-Own": "yes" }, body: "sent" });
    const response = await client.readResponse();
    assert.equal(response.text, "sent");
    assert.equal(response.header("x-m"), undefined);
    assert.equal(response.header("x-own"), "yes");
    const socket = await openWebSocket(server.port, "/channel");
    assert.equal(socket.response.header("x-m"), undefined);
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});

eachKind("each channel has an id of its own and the request that opened it", async (kind, park) => {
  const path = nextPath();
  const first = await kind.open(park, path);
  const second = await kind.open(park);
  assert.notEqual(first.channel.id, second.channel.id);
  assert.equal(first.channel.request, first.request);
  assert.equal(new URL(first.channel.request.url).pathname, path);
});
