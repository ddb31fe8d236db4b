import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { serve } from "../../src/index.ts";
import { deferred, eventually, within } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { RawWebSocket } from "../support/websocket-client.ts";
import {
  eachKind,
  expectProbe,
  getRequest,
  httpKinds,
  longPolling,
  nextPath,
  socketOf,
  streaming,
  webSocket,
} from "./kinds.ts";
import { parkTest } from "./park.ts";

/** Soon enough to be noticed by the socket itself and by no timer, late enough for a busy machine. */
const soonMs = 500;

eachKind("a client that leaves an idle channel is noticed at once, without a write [C77] [C78]", async (kind, park) => {
  for (const { how, leave, status, detail } of kind.departures) {
    const peer = await kind.open(park);
    const receivedBytes = peer.client.received.length;
    leave(peer.client);
    await peer.log.waitFor("close", { timeoutMs: soonMs });
    await peer.expectClose(status, detail);
    if (how === "FIN") assert.equal(peer.client.received.length, receivedBytes, "not a byte was written");
  }
});

eachKind("after the client has left isOpen, send() and close() are false [C83]", async (kind, park) => {
  for (const { leave } of kind.departures) {
    const peer = await kind.open(park);
    peer.push("a message before");
    leave(peer.client);
    await peer.log.waitFor("close", { timeoutMs: soonMs });
    peer.expectDead();
    assert.equal(peer.channel.bufferedAmount, 0);
  }
});

eachKind(
  "a client that ends only its side counts as gone: its connection is closed without another byte [C79]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.client.end();
    await peer.expectClose("client-close", { code: 1001, wasClean: false });
    await peer.client.expectEnd();
  },
  { kinds: httpKinds },
);

eachKind(
  "a request whose body was read does not look as if its client had left [C77] [4.1 #1]",
  async (kind, park) => {
    const path = nextPath();
    const client = await connectRaw(park.port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello`);
    const { channel, log, request } = await park.at(path);
    if (kind === streaming) channel.send(null, { close: false });
    assert.equal(await request.text(), "hello");
    await delay(50);
    assert.equal(channel.isOpen, true);
    assert.deepEqual(log.names(), ["open"]);
    client.end();
    assert.equal((await log.waitFor("close", { timeoutMs: soonMs })).args[0], "client-close");
  },
  { kinds: httpKinds },
);

eachKind(
  "a request whose body was not read is noticed to be left as well [C77] [4.1 #1]",
  async (_kind, park) => {
    const path = nextPath();
    const client = await connectRaw(park.port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`);
    const { channel, log } = await park.at(path);
    await delay(50);
    assert.equal(channel.isOpen, true);
    client.end();
    assert.equal((await log.waitFor("close", { timeoutMs: soonMs })).args[0], "client-close");
  },
  { kinds: [longPolling] },
);

parkTest("a client that leaves in the middle of its request body disturbs nothing [C77] [4.1 #9]", async (park) => {
  for (const leave of [(client: RawClient) => client.end(), (client: RawClient) => client.reset()]) {
    const path = nextPath();
    const client = await connectRaw(park.port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf`);
    await nextTurn();
    leave(client);
    await nextTurn();
    await expectProbe(await connectRaw(park.port));
    assert.equal(park.has(path), false, "a request that is not whole has no channel");
  }
  // A request that is cut off is a fault of its client; after a reset nothing is left to find one in.
  assert.ok(park.errors.every(({ code }) => code === "PEER_FAULT"));
  park.errors.length = 0;
});

const handlerMs = 100;

for (const how of ["the handler is still running", "the handler has answered at once"]) {
  test(`a client that ends its side while ${how} gets its answer [C79] [4.1 #7]`, async () => {
    const server = await serve(
      async () => {
        if (how.includes("running")) await delay(handlerMs);
        return new Response("answer");
      },
      { port: 0 },
    );
    try {
      const client = await connectRaw(server.port);
      client.write(getRequest("/"));
      client.end();
      assert.equal((await client.readResponse()).text, "answer");
      await client.expectEnd();
    } finally {
      destroyOpenClients();
      await server.stop({ timeoutMs: 0 });
    }
  });
}

eachKind("output that waits does not hide that the client has left [C80]", async (kind, park) => {
  for (const { leave, status } of kind.departures) {
    const peer = await kind.open(park);
    peer.client.pause();
    assert.equal(peer.push(Buffer.alloc(25 * 1024 * 1024)), true);
    await nextTurn();
    leave(peer.client);
    await peer.log.waitFor("close", { timeoutMs: 2 * soonMs });
    await peer.expectClose(status);
    peer.expectDead();
    peer.client.destroy();
  }
});

eachKind(
  "unread requests behind a channel do not hide that the client has left: too many end it [C81] [4.1 #6]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const more = getRequest("/probe", `X-Padding: ${"x".repeat(1000)}\r\n`);
    peer.client.write(more.repeat(1000));
    peer.client.end();
    await peer.log.waitFor("close", { timeoutMs: 1000 });
    await peer.expectClose("client-close");
    peer.expectDead();
    assert.ok(park.errors.every(({ code }) => code === "PEER_FAULT"));
    park.errors.length = 0;
  },
  { kinds: httpKinds },
);

eachKind(
  "a few requests behind a channel neither run nor hide that the client has left [C53] [C57] [4.1 #3] [4.2 #10]",
  async (kind, park) => {
    for (const leave of [(client: RawClient) => client.end(), (client: RawClient) => client.reset()]) {
      const peer = await kind.open(park);
      const [second, third] = [nextPath(), nextPath()];
      peer.client.write(getRequest(second) + getRequest(third));
      await delay(30);
      assert.equal(park.has(second), false, "it waits for the answer before it");
      leave(peer.client);
      await peer.log.waitFor("close", { timeoutMs: soonMs });
      await peer.expectClose("client-close");
      await delay(30);
      assert.equal(park.has(second) || park.has(third), false, "nobody is there for their answers");
    }
  },
  { kinds: httpKinds },
);

eachKind(
  "requests behind a channel run one after the other, and their answers come in order [C53] [4.2 #10] [4.2 #11]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const [second, third] = [nextPath(), nextPath()];
    peer.client.write(getRequest(second) + getRequest("/probe") + getRequest(third));
    await peer.client.expectNothing(30);
    peer.channel.send("first", { close: true });
    const parkedSecond = await park.at(second);
    assert.equal(park.has(third), false);
    assert.equal(await peer.readText(), "first");
    if (kind === streaming) assert.equal((await peer.client.readChunk()).length, 0);
    await peer.client.expectNothing(30);
    parkedSecond.channel.send("second");
    const parkedThird = await park.at(third);
    parkedThird.channel.send("third");
    const texts = [];
    for (let index = 0; index < 3; index++) texts.push((await peer.client.readResponse()).text);
    assert.deepEqual(texts, ["second", "probe", "third"]);
  },
  { kinds: httpKinds },
);

eachKind(
  "an upgrade behind a channel waits for the answer before it, and its frames are kept [C58] [4.2 #12]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const path = nextPath();
    peer.client.write(handshakeRequest({ path }));
    peer.client.write(frames.text("early"));
    await peer.client.expectNothing(50);
    assert.equal(park.has(path), false);
    peer.channel.send("poll", { close: true });
    assert.equal(await peer.readText(), "poll");
    if (kind === streaming) assert.equal((await peer.client.readChunk()).length, 0);
    const head = await peer.client.readHead();
    assert.equal(head.status, 101);
    const upgraded = await park.at(path);
    assert.deepEqual((await upgraded.log.waitFor("receive")).args, ["early"]);
    assert.equal(peer.channel.send("ghost"), false);
    upgraded.channel.send("over the WebSocket");
    assert.equal(await new RawWebSocket(peer.client, head).nextMessage(), "over the WebSocket");
  },
  { kinds: httpKinds },
);

parkTest("one connection carries 1500 polls, none of which is told to go away [C36] [4.2 #13]", async (park) => {
  const client = await connectRaw(park.port);
  for (let round = 0; round < 1500; round++) {
    const path = nextPath();
    client.write(getRequest(path));
    const { channel } = await park.at(path);
    channel.send("x");
    const response = await client.readResponse();
    assert.equal(response.status, 200);
    assert.equal(response.header("connection"), undefined);
  }
});

parkTest(
  "websocket: a client that answers no ping is given up as abnormal [C82]",
  async (park) => {
    const peer = await webSocket.open(park);
    assert.equal((await socketOf(peer).nextFrame()).opcode, frames.opcodes.ping);
    await peer.expectClose("abnormal", { code: 1006, wasClean: false });
    peer.expectDead();
  },
  { limits: { pingIntervalMs: 50, pongTimeoutMs: 50 } },
);

eachKind("sends that race with a reset end in false and one close [C84]", async (kind, park) => {
  for (let round = 0; round < 20; round++) {
    const peer = await kind.open(park);
    peer.push("before");
    peer.client.reset();
    await within(
      2000,
      sendUntilRefused(() => peer.push("x")),
      "a send that is refused",
    );
    await peer.log.waitFor("close");
    await nextTurn();
    assert.equal(peer.log.of("close").length, 1);
    peer.expectDead();
  }
});

async function sendUntilRefused(send: () => boolean): Promise<void> {
  while (send()) await nextTurn();
}

eachKind(
  "the signal of the request is aborted when the client leaves, and not before [C77]",
  async (kind, park) => {
    for (const { leave } of kind.departures) {
      const peer = await kind.open(park);
      const { signal } = peer.request;
      const aborted = deferred();
      signal.addEventListener("abort", () => aborted.resolve());
      await nextTurn();
      assert.equal(signal.aborted, false);
      leave(peer.client);
      await within(1000, aborted.promise, "the signal");
      assert.equal(signal.aborted, true);
      await peer.expectClose("client-close");
    }
  },
  { kinds: httpKinds },
);

eachKind(
  "the signal of a request that is first asked for after its client has left is aborted [C77]",
  async (kind, park) => {
    for (const { leave } of kind.departures) {
      const peer = await kind.open(park);
      leave(peer.client);
      await peer.log.waitFor("close");
      await eventually(() => assert.equal(peer.request.signal.aborted, true));
    }
  },
  { kinds: httpKinds },
);

for (const fields of ["", "Connection: close\r\n"]) {
  const what = fields === "" ? "a connection that lives on" : "a connection that is closed then";
  parkTest(
    `long-polling: the signal of a request that was answered is not aborted, on ${what} [C67] [4.1 #2]`,
    async (park) => {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(getRequest(path, fields));
      const { channel, request } = await park.at(path);
      const { signal } = request;
      channel.send("answer");
      assert.equal((await client.readResponse()).text, "answer");
      if (fields === "") await expectProbe(client);
      client.destroy();
      await client.closed;
      await delay(30);
      assert.equal(signal.aborted, false);
    },
  );
}

test("the signal of a request whose handler still runs is aborted when the client leaves [C77]", async () => {
  const log = new Recorder();
  const server = await serve(
    async ({ signal }) => {
      log.record("running");
      signal.addEventListener("abort", () => log.record("aborted"));
      await log.waitFor("aborted");
      return new Response("for nobody");
    },
    { port: 0 },
  );
  try {
    const client = await connectRaw(server.port);
    client.write(getRequest("/"));
    await log.waitFor("running");
    client.reset();
    await log.waitFor("aborted");
  } finally {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  }
});
