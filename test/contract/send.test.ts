import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Answer, type Data, isChannelError } from "../../src/index.ts";
import { parseServerFrames } from "../support/frames.ts";
import { eachKind, expectProbe, httpKinds, longPolling, type Peer, socketOf, streaming, webSocket } from "./kinds.ts";
import { parkTest } from "./park.ts";

const manyMessageKinds = [webSocket, streaming];

eachKind("send() is true while the channel is open and false once it is closed [C15]", async (kind, park) => {
  const peer = await kind.open(park);
  assert.equal(peer.push("accepted"), true);
  peer.channel.close();
  assert.equal(peer.push("refused"), false);
  assert.equal(await peer.readText(), "accepted");
  await peer.expectGoodEnd();
});

eachKind("send() is false and throws nothing after the client has left [C15]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.client.reset();
  await peer.log.waitFor("close");
  peer.expectDead();
});

eachKind("send() of 64 MiB returns before a client that does not read has it [C15]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.client.pause();
  const bytes = Buffer.alloc(64 * 1024 * 1024);
  assert.equal(peer.push(bytes), true);
  // Not by the clock, which on a busy machine says little: it has returned, and most of it still waits.
  assert.ok(peer.channel.bufferedAmount > bytes.length / 2, `${peer.channel.bufferedAmount} bytes wait`);
  assert.equal(peer.channel.isOpen, true);
});

eachKind("a refused send leaves no trace on the wire [C16]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.channel.send("last", { close: true });
  const forms: readonly Data[] = [
    "text",
    Buffer.from("bytes"),
    null,
    { status: 500, body: "answer" },
    ["a", 1],
    new Blob(["blob"]),
  ];
  for (const data of forms) {
    for (const close of [false, true]) assert.equal(peer.channel.send(data, { close }), false);
  }
  assert.equal(await peer.readText(), "last");
  await peer.expectGoodEnd();
});

eachKind("a refused send is false even for data that an open channel throws at [C15] [C16]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.channel.close();
  for (const wrong of [42, Symbol("no"), { message: "no" }, { status: 99 }, { headers: { "X-Bad": "a\r\nb" } }]) {
    assert.equal(peer.channel.send(wrong as Data), false);
  }
  await peer.expectGoodEnd();
});

eachKind("bytes under the soft limit may be changed as soon as they are sent [C15]", async (kind, park) => {
  for (const length of [10, 5000, 60_000]) {
    const peer = await kind.open(park);
    const bytes = Buffer.alloc(length, "a");
    // Several, so that the kernel does not take them all before they are changed.
    for (const close of [false, false, true]) {
      if (!close && kind === longPolling) continue;
      assert.equal(peer.channel.send(bytes.fill("a"), { close }), true);
      bytes.fill("b");
    }
    const texts = await peer.readTexts(kind === longPolling ? 1 : 3);
    for (const text of texts) assert.equal(text, "a".repeat(length));
    await peer.expectGoodEnd();
  }
});

eachKind("a send closes by default over HTTP and not over a WebSocket [C17]", async (kind, park) => {
  const peer = await kind.open(park);
  assert.equal(peer.channel.send("default"), true);
  assert.equal(peer.channel.isOpen, !kind.closesByDefault);
  assert.equal(await peer.readText(), "default");
  if (!kind.closesByDefault) peer.channel.close();
  await peer.expectGoodEnd();
});

eachKind("an undefined close of a send is the default of the kind [C17]", async (kind, park) => {
  for (const options of [undefined, {}, { close: undefined as unknown as boolean }]) {
    const peer = await kind.open(park);
    assert.equal(peer.channel.send("default", options), true);
    assert.equal(peer.channel.isOpen, !kind.closesByDefault);
  }
});

eachKind("an explicit close of a send wins over the default [C17]", async (kind, park) => {
  for (const close of [true, false]) {
    const peer = await kind.open(park);
    assert.equal(peer.channel.send("explicit", { close }), true);
    assert.equal(peer.channel.isOpen, !close);
    assert.equal(await peer.readText(), "explicit");
    if (!close) peer.channel.close();
    await peer.expectGoodEnd();
  }
});

eachKind(
  "the default of a send also holds for the second one of a stream [C18]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.push("a");
    assert.equal(peer.channel.send("b"), true);
    assert.equal(peer.channel.isOpen, false);
    assert.deepEqual(await peer.readTexts(2), ["a", "b"]);
    await peer.expectGoodEnd();
  },
  { kinds: httpKinds },
);

const answers: readonly { readonly data: Data; readonly status: number; readonly body: string }[] = [
  { data: "bare", status: 200, body: "bare" },
  { data: Buffer.from("bare bytes"), status: 200, body: "bare bytes" },
  { data: { body: "only a body" }, status: 200, body: "only a body" },
  { data: { status: 404 }, status: 404, body: "" },
  { data: { status: 404, body: "with a body" }, status: 404, body: "with a body" },
  { data: {}, status: 200, body: "" },
  { data: { status: undefined, headers: undefined, body: undefined } as unknown as Answer, status: 200, body: "" },
  { data: { headers: { "X-One": "1" } }, status: 200, body: "" },
];

for (const { data, status, body } of answers) {
  const name = Buffer.isBuffer(data) ? "bytes" : JSON.stringify(data);
  parkTest(`long-polling: ${name} is answered with ${status} and ${JSON.stringify(body)} [C19]`, async (park) => {
    const peer = await longPolling.open(park);
    peer.channel.send(data);
    const response = await peer.client.readResponse();
    assert.equal(response.status, status);
    assert.equal(response.text, body);
    assert.equal(response.header("content-length"), String(body.length));
    await expectProbe(peer.client);
  });
}

parkTest("websocket: of an answer only the body is sent, whose form decides the frame [C20]", async (park) => {
  const peer = await webSocket.open(park);
  peer.channel.send({ status: 500, headers: { "X-One": "1" }, body: "m" });
  peer.channel.send({ status: 500, body: Buffer.from("b") });
  assert.equal(await socketOf(peer).nextMessage(), "m");
  assert.deepEqual(await socketOf(peer).nextMessage(), Buffer.from("b"));
});

parkTest("websocket: an answer without a body sends no frame [C20]", async (park) => {
  const peer = await webSocket.open(park);
  assert.equal(peer.channel.send({ status: 500, headers: { "X-One": "1" } }), true);
  assert.equal(peer.channel.send({}), true);
  peer.channel.send("next");
  assert.equal(await socketOf(peer).nextMessage(), "next");
});

parkTest("http-streaming: of an answer behind the first only the body is sent, as one chunk [C21]", async (park) => {
  const peer = await streaming.open(park);
  peer.push({ status: 500, headers: { "X-One": "1" }, body: "two" });
  peer.push({ status: 404, headers: { "X-Two": "2" } });
  peer.channel.send({ status: 204, body: "three" });
  assert.deepEqual(await peer.readTexts(2), ["two", "three"]);
  await peer.expectGoodEnd();
});

parkTest("long-polling: null is a complete empty answer, or without closing a head alone [C22]", async (park) => {
  const whole = await longPolling.open(park);
  assert.equal(whole.channel.send(null), true);
  const response = await whole.client.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.header("content-length"), "0");
  await expectProbe(whole.client);
  const begun = await longPolling.open(park);
  assert.equal(begun.push(null), true);
  await begun.readStart();
  await begun.client.expectNothing(50);
  assert.equal(begun.channel.isOpen, true);
});

for (const kind of manyMessageKinds) {
  parkTest(`${kind.name}: null sends nothing and is true [C22]`, async (park) => {
    const peer = await kind.open(park);
    assert.equal(peer.push(null), true);
    assert.equal(peer.push(undefined), true);
    await peer.client.expectNothing(50);
    peer.push("next");
    assert.equal(await peer.readText(), "next");
  });
}

eachKind("null in a send that closes still closes [C22]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.push("before");
  assert.equal(peer.channel.send(null, { close: true }), true);
  assert.equal(peer.channel.isOpen, false);
  assert.equal(await peer.readText(), "before");
  await peer.expectGoodEnd();
});

const unsupported: readonly unknown[] = [
  42,
  true,
  Symbol("no"),
  10n,
  () => "no",
  new Date(0),
  new Map([["a", 1]]),
  { message: "forgotten JSON.stringify" },
  { body: 42 },
  [Symbol("no")],
];

eachKind("a body of a wrong type throws, writes nothing and leaves the channel open [C23]", async (kind, park) => {
  const peer = await kind.open(park);
  for (const wrong of unsupported) {
    for (const close of [false, true]) {
      const attempt = (): boolean => peer.channel.send(wrong as Data, { close });
      assert.throws(attempt, (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT", typeof wrong);
    }
  }
  assert.equal(peer.channel.isOpen, true);
  await peer.client.expectNothing(50);
  assert.equal(peer.channel.send("x", { close: true }), true);
  assert.equal(await peer.readText(), "x");
  await peer.expectGoodEnd();
});

const badHeads: readonly Answer[] = [
  { headers: { "X-Bad": "a\r\nInjected: 1" } },
  { headers: { "X-Bad": "a\nInjected: 1" } },
  { headers: { "X-Bad": "a\u0000b" } },
  { headers: { "X-Bad": "a\u007fb" } },
  { headers: { "X-Bad": ["fine", "a\rb"] } },
  { headers: { "X Bad": "name" } },
  { headers: { "X-Bad:": "name" } },
  { headers: { "": "name" } },
  { headers: { "X-B\u00e4d": "name" } },
];
const badStatuses: readonly unknown[] = [99, 100, 101, 103, 199, 1000, -1, 0, 200.5, Number.NaN, "404", null];

eachKind(
  "a head that could not be read as it was meant throws, writes nothing and leaves the channel open [C24]",
  async (kind, park) => {
    const peer = await kind.open(park);
    for (const head of badHeads) {
      for (const close of [false, true]) {
        const attempt = (): boolean => peer.channel.send({ ...head, body: "never" }, { close });
        assert.throws(
          attempt,
          (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
          JSON.stringify(head),
        );
      }
    }
    assert.equal(peer.channel.isOpen, true);
    await peer.client.expectNothing(50);
    peer.channel.send({ headers: { "X-Tab": "a\tb" }, body: "good" }, { close: true });
    assert.equal(await peer.readText(), "good");
    await peer.expectGoodEnd();
    assert.ok(!peer.client.received.includes("Injected"));
  },
  { kinds: [webSocket, longPolling] },
);

parkTest(
  "long-polling: a status that is no final status throws, writes nothing and leaves the channel open [C24] [C33]",
  async (park) => {
    const peer = await longPolling.open(park);
    for (const status of badStatuses) {
      for (const close of [false, true]) {
        const attempt = (): boolean => peer.channel.send({ status: status as number, body: "never" }, { close });
        assert.throws(attempt, (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT", String(status));
      }
    }
    assert.equal(peer.channel.isOpen, true);
    await peer.client.expectNothing(50);
    peer.channel.send({ status: 999, body: "good" });
    assert.equal((await peer.client.readResponse()).status, 999);
  },
);

for (const kind of manyMessageKinds) {
  parkTest(`${kind.name}: 1000 sends arrive all, whole and in order [C25]`, async (park) => {
    const peer = await kind.open(park);
    const texts = Array.from({ length: 1000 }, (_, index) => `message ${index} ${"x".repeat(index % 300)}`);
    for (const text of texts) assert.equal(peer.push(text), true);
    assert.deepEqual(await peer.readTexts(texts.length), texts);
  });

  parkTest(
    `${kind.name}: 200 producers at once never mix their bytes, and each keeps its order [C25]`,
    async (park) => {
      const peer = await kind.open(park);
      const producers = Array.from({ length: 200 }, async (_, producer) => {
        for (let number = 0; number < 5; number++) {
          if ((producer + number) % 3 === 0) await nextTurn();
          else await Promise.resolve();
          assert.equal(peer.push(`${producer}:${number}`), true);
        }
      });
      await Promise.all(producers);
      const seen = new Map<string, number>();
      for (const text of await peer.readTexts(1000)) {
        const [producer = "", number] = text.split(":");
        assert.equal(Number(number), seen.get(producer) ?? 0, text);
        seen.set(producer, Number(number) + 1);
      }
      assert.equal(seen.size, 200);
    },
  );
}

parkTest("long-polling: of many sends that race to be the first, one makes the head [C25]", async (park) => {
  const peer = await longPolling.open(park);
  const sends = Array.from({ length: 50 }, async (_, index) => {
    await Promise.resolve();
    return peer.push({ status: 200 + index, body: `${index}` });
  });
  assert.ok((await Promise.all(sends)).every(Boolean));
  peer.channel.close();
  const response = await peer.client.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.chunks?.length, 50);
  await expectProbe(peer.client);
});

eachKind("of 50 sends that race to close exactly one wins [C26]", async (kind, park) => {
  const peer = await kind.open(park);
  const race = Array.from({ length: 50 }, async (_, index) => {
    if (index % 2 === 0) await Promise.resolve();
    else await nextTurn();
    return peer.channel.send(`${index}`, { close: true });
  });
  const results = await Promise.all(race);
  assert.equal(results.filter(Boolean).length, 1);
  assert.equal(await peer.readText(), String(results.indexOf(true)));
  await peer.expectGoodEnd();
  await peer.expectClose("server-close");
});

const inside: unknown[] = [];

eachKind(
  "inside the close handler isOpen, send() and close() are false, whoever closed [C27] [C69]",
  async (kind, park) => {
    const leave = (peer: Peer): void => peer.client.end();
    const closeHere = (peer: Peer): void => void peer.channel.close();
    const sendLast = (peer: Peer): void => void peer.channel.send("last", { close: true });
    for (const act of [closeHere, sendLast, leave]) {
      inside.length = 0;
      const peer = await kind.open(park);
      act(peer);
      await peer.log.waitFor("closed");
      assert.deepEqual(inside, [false, false, false, false]);
    }
  },
  {
    use: ({ channel, log }) =>
      channel.onClose(() => {
        inside.push(channel.isOpen, channel.send("late"), channel.send("late", { close: true }), channel.close());
        log.record("closed");
      }),
  },
);

parkTest(
  "websocket: everything sent in one turn before a close is on the wire before its Close frame [C15] [C123]",
  async (park) => {
    const peer = await webSocket.open(park);
    const texts = Array.from({ length: 10 }, (_, index) => `message ${index}`);
    for (const text of texts) peer.channel.send(text);
    peer.channel.send("last", { close: true });
    await peer.client.readUntil((unread) => parseServerFrames(unread).frames.length === 12);
    const { frames } = parseServerFrames(peer.client.received.subarray(peer.client.received.indexOf("\r\n\r\n") + 4));
    assert.deepEqual(
      frames.slice(0, 11).map(({ payload }) => payload.toString()),
      [...texts, "last"],
    );
    assert.equal(frames[11]?.bytes.toString("hex"), "880203e8");
  },
);
