import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { isChannelError, type StreamBody } from "../../src/index.ts";
import { eventually, within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import {
  eachKind,
  expectProbe,
  httpKinds,
  type Kind,
  longPolling,
  nextPath,
  type Peer,
  streaming,
  webSocket,
} from "./kinds.ts";
import { parkTest } from "./park.ts";
import { sourceForms, wholeForms } from "./sources.ts";

const secret = "/home/someone/secret.txt";

/** A stream is one message over a WebSocket and one chunk for each piece over HTTP. */
async function readWhole(kind: Kind, peer: Peer, pieces: readonly string[]): Promise<void> {
  if (kind.isWebSocket) assert.equal(await peer.readText(), pieces.join(""));
  else assert.deepEqual(await peer.readTexts(pieces.length), pieces);
}

for (const { name, of } of wholeForms) {
  const pieces = name === "a Blob" ? ["one piece, since a Blob cuts itself"] : ["grüße", "two", "three"];
  eachKind(
    `${name} is sent to its end, one chunk for each piece, or one binary message [C44] [C61]`,
    async (kind, park) => {
      const peer = await kind.open(park);
      assert.equal(peer.push(of(pieces)), true);
      await readWhole(kind, peer, pieces);
      assert.equal(peer.push("after"), true);
      assert.equal(await peer.readText(), "after");
      peer.channel.close();
      await peer.expectGoodEnd();
    },
  );

  eachKind(`${name} in a send that closes is followed by the end [C44] [C61]`, async (kind, park) => {
    const peer = await kind.open(park);
    assert.equal(peer.channel.send(of(pieces), { close: true }), true);
    assert.equal(peer.channel.isOpen, false);
    await readWhole(kind, peer, pieces);
    await peer.expectGoodEnd();
    await peer.expectClose("server-close");
  });
}

eachKind("a stream without any piece is an empty answer, or an empty message [C44]", async (kind, park) => {
  const peer = await kind.open(park);
  assert.equal(peer.channel.send(Readable.from([]), { close: true }), true);
  if (kind.isWebSocket) assert.equal((await peer.readBytes()).length, 0);
  else if (kind === longPolling) await peer.readStart();
  await peer.expectGoodEnd();
});

eachKind("a stream may use one buffer for all of its pieces [C44]", async (kind, park) => {
  const peer = await kind.open(park);
  const buffer = Buffer.alloc(3);
  const source = function* (): Iterable<Buffer> {
    for (const piece of ["one", "two", "six"]) yield buffer.subarray(0, buffer.write(piece));
  };
  assert.equal(peer.channel.send(Readable.from(source()), { close: true }), true);
  await readWhole(kind, peer, ["one", "two", "six"]);
  await peer.expectGoodEnd();
});

eachKind("an empty piece of a stream does not end the answer [C39] [C44]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.channel.send(Readable.from(["", "a", "", "b", ""]), { close: true });
  await readWhole(kind, peer, ["a", "b"]);
  await peer.expectGoodEnd();
});

for (const { name, create } of sourceForms) {
  eachKind(
    `the first piece of ${name} is on the wire while the source stalls [C44]`,
    async (kind, park) => {
      const peer = await kind.open(park);
      const source = create();
      peer.push(source.body);
      source.push("first");
      assert.equal(await peer.readText(), "first");
      await peer.client.expectNothing(50);
      source.push("second");
      assert.equal(await peer.readText(), "second");
      source.end();
      peer.channel.close();
    },
    { kinds: httpKinds },
  );

  eachKind(`sends made while ${name} is read follow it, in their order [C25] [C44]`, async (kind, park) => {
    const peer = await kind.open(park);
    const source = create();
    assert.equal(peer.push(source.body), true);
    source.push("a");
    assert.equal(peer.push("behind 1"), true);
    assert.equal(peer.push("behind 2"), true);
    assert.equal(peer.push(Readable.from(["behind 3"])), true);
    assert.equal(peer.channel.send("behind 4", { close: true }), true);
    assert.equal(peer.channel.send("too late"), false);
    source.push("b");
    source.end();
    await readWhole(kind, peer, ["a", "b"]);
    assert.deepEqual(await peer.readTexts(4), ["behind 1", "behind 2", "behind 3", "behind 4"]);
    await peer.expectGoodEnd();
    await peer.expectClose("server-close");
  });

  eachKind(
    `close() while ${name} stalls lets go of it and sends what waits behind it [C4] [C44]`,
    async (kind, park) => {
      const peer = await kind.open(park);
      const source = create();
      peer.push(source.body);
      source.push("begun");
      if (!kind.isWebSocket) assert.equal(await peer.readText(), "begun");
      assert.equal(peer.push("behind"), true);
      assert.equal(peer.channel.close(), true);
      assert.equal(peer.channel.isOpen, false);
      assert.equal(peer.channel.close(), false);
      await within(1000, source.released, "the release of the source");
      assert.equal(await peer.readText(), "behind");
      await peer.expectGoodEnd();
      await peer.expectClose("server-close", { code: 1000, wasClean: true });
    },
  );

  eachKind(
    `${name} that stalls is let go of when the client leaves, and the close handler is called [C16] [C80]`,
    async (kind, park) => {
      for (const { leave, status } of kind.departures) {
        const peer = await kind.open(park);
        const [source, behind] = [create(), create()];
        peer.push(source.body);
        peer.push(behind.body);
        source.push("begun");
        if (!kind.isWebSocket) assert.equal(await peer.readText(), "begun");
        leave(peer.client);
        await peer.expectClose(status);
        await within(1000, source.released, "the release of the source");
        await within(1000, behind.released, "the release of the source behind it");
        peer.expectDead();
      }
    },
  );

  eachKind(`${name} given to a closed channel is let go of unread [C16]`, async (kind, park) => {
    const peer = await kind.open(park);
    peer.channel.close();
    const [bare, wrapped] = [create(), create()];
    bare.push("unread");
    assert.equal(peer.channel.send(bare.body), false);
    assert.equal(peer.channel.send({ status: 200, body: wrapped.body }), false);
    await within(1000, bare.released, "the release of the source");
    await within(1000, wrapped.released, "the release of the source");
    await peer.expectGoodEnd();
  });

  eachKind(
    `${name} that fails before its first piece: a stream is cut, an open poll gets a plain 500, a WebSocket 1011 [C62]`,
    async (kind, park) => {
      for (const close of [false, true]) {
        const peer = await kind.open(park);
        const source = create();
        assert.equal(peer.channel.send(source.body, { close }), true);
        source.fail(new Error(secret));
        if (kind === longPolling) {
          const response = await peer.client.readResponse();
          assert.equal(response.status, 500);
          await peer.expectClose("server-close", { code: 1011 });
          await expectProbe(peer.client);
        } else {
          await peer.expectCut(1011);
          await peer.expectClose(kind.isWebSocket ? "server-close" : "internal-server-error", { code: 1011 });
        }
        assert.ok(!peer.client.received.includes("secret"));
        peer.expectDead();
        const { cause } = park.expectError("BODY_FAILED");
        assert.equal((cause as Error).message, secret);
      }
    },
  );

  eachKind(
    `${name} that fails after its first piece cuts the answer, and what waits behind it is let go of [C62]`,
    async (kind, park) => {
      const peer = await kind.open(park);
      const [source, behind] = [create(), create()];
      peer.push(source.body);
      peer.push("never sent");
      peer.push(behind.body);
      source.push("begun");
      if (!kind.isWebSocket) assert.equal(await peer.readText(), "begun");
      source.fail(new Error(secret));
      await peer.expectCut(1011);
      await peer.expectClose(kind.isWebSocket ? "server-close" : "internal-server-error", { code: 1011 });
      await within(1000, behind.released, "the release of the source behind it");
      assert.ok(!peer.client.received.includes("secret"));
      assert.ok(!peer.client.received.includes("never sent"));
      peer.expectDead();
      park.expectErrors("BODY_FAILED");
    },
  );
}

for (const { name, create } of sourceForms.filter((form) => form.name !== "a Node stream")) {
  eachKind(
    `${name} that yields neither text nor bytes fails like a source that throws, and is let go of [C23] [C62]`,
    async (kind, park) => {
      const peer = await kind.open(park);
      const source = create();
      peer.push("begun");
      assert.equal(await peer.readText(), "begun");
      peer.push(source.body);
      source.push(42 as unknown as string);
      await peer.expectCut(1011);
      await within(1000, source.released, "the release of the source");
      const { cause } = park.expectError("BODY_FAILED");
      assert.ok(isChannelError(cause) && cause.code === "INVALID_ARGUMENT");
    },
  );
}

const notThere: readonly { readonly what: string; readonly body: () => StreamBody }[] = [
  {
    what: "whose iterator cannot be made",
    body: () => ({
      [Symbol.asyncIterator]: () => {
        throw new Error(secret);
      },
    }),
  },
  {
    what: "whose iterator throws at once",
    body: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => {
          throw new Error(secret);
        },
      }),
    }),
  },
];

for (const { what, body } of notThere) {
  eachKind(`a source ${what} fails like any other, also behind another stream [C62]`, async (kind, park) => {
    for (const before of [undefined, Readable.from(["before"])]) {
      const peer = await kind.open(park);
      if (before === undefined) peer.push("before");
      else peer.push(before);
      peer.push(body());
      assert.equal(await peer.readText(), "before");
      await peer.expectCut(1011);
      assert.ok(!peer.client.received.includes("secret"));
      park.expectErrors("BODY_FAILED");
    }
  });
}

eachKind(
  "a source that throws when it is let go of disturbs neither close() nor a refused send [C16] [C44]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const stubborn: StreamBody = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: () => {
          throw new Error("no");
        },
      }),
    };
    peer.push("begun");
    peer.push(stubborn);
    assert.equal(peer.channel.close(), true);
    assert.equal(peer.channel.send(stubborn), false);
    assert.equal(await peer.readText(), "begun");
    await peer.expectGoodEnd();
  },
);

eachKind(
  "a ReadableStream that somebody else reads is refused at once, and the channel stays open [C23]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const stream = new ReadableStream<string>();
    stream.getReader();
    for (const close of [false, true]) {
      const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";
      assert.throws(() => peer.channel.send(stream, { close }), isRefusal);
      assert.throws(() => peer.channel.send({ status: 404, body: stream }, { close }), isRefusal);
    }
    assert.equal(peer.channel.isOpen, true);
    await peer.client.expectNothing(50);
    assert.equal(peer.push("fine"), true);
    assert.equal(await peer.readText(), "fine");
  },
);

eachKind(
  "a ReadableStream that is taken away before its turn comes fails like any other source [C62]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const [first] = sourceForms.map(({ create }) => create());
    assert.ok(first);
    peer.push("begun");
    peer.push(first.body);
    const second = new ReadableStream<string>();
    peer.push(second);
    second.getReader();
    first.end();
    if (kind.isWebSocket) assert.deepEqual(await peer.readTexts(2), ["begun", ""]);
    else assert.equal(await peer.readText(), "begun");
    await peer.expectCut(1011);
    park.expectErrors("BODY_FAILED");
  },
);

parkTest("long-polling: the head of a send is kept until its stream has its first piece [C37] [C44]", async (park) => {
  const peer = await longPolling.open(park);
  const [source] = sourceForms.map(({ create }) => create());
  assert.ok(source);
  peer.push({ status: 201, headers: { "X-Own": "yes" }, body: source.body });
  peer.channel.send({ status: 500, headers: { "X-Other": "yes" }, body: "behind" }, { close: true });
  source.push("first");
  source.end();
  const response = await peer.client.readResponse();
  assert.equal(response.status, 201);
  assert.equal(response.header("x-own"), "yes");
  assert.equal(response.header("x-other"), undefined);
  assert.equal(response.text, "firstbehind");
  await expectProbe(peer.client);
});

parkTest(
  "long-polling: close() before the first piece of a stream answers with the head of its send [C5] [C44]",
  async (park) => {
    for (const behind of [undefined, "behind"]) {
      const peer = await longPolling.open(park);
      const [source] = sourceForms.map(({ create }) => create());
      assert.ok(source);
      peer.push({ status: 201, headers: { "X-Own": "yes" }, body: source.body });
      if (behind !== undefined) peer.push(behind);
      assert.equal(peer.channel.close(), true);
      const response = await peer.client.readResponse();
      assert.equal(response.status, 201);
      assert.equal(response.header("x-own"), "yes");
      assert.equal(response.text, behind ?? "");
      await peer.expectClose("server-close");
      await expectProbe(peer.client);
    }
  },
);

for (const { name, create } of sourceForms) {
  parkTest(
    `long-polling: ${name} given for a response without a body is let go of unread [C45] [C48]`,
    async (park) => {
      const client = await connectRaw(park.port);
      for (const [method, status] of [
        ["HEAD", 200],
        ["GET", 204],
        ["GET", 304],
      ] as const) {
        const path = nextPath();
        client.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const { channel } = await park.at(path);
        const source = create();
        assert.equal(channel.send({ status, body: source.body }, { close: false }), true);
        assert.equal(channel.isOpen, false);
        assert.equal((await client.readResponse({ head: true })).status, status);
        await within(1000, source.released, "the release of the source");
        await expectProbe(client);
      }
    },
  );
}

eachKind(
  "a stream is read no faster than the client reads [C44] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    peer.client.pause();
    const piece = Buffer.alloc(64 * 1024, "x");
    let pulled = 0;
    const total = 1024;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      while (pulled < total) {
        pulled += 1;
        yield await Promise.resolve(piece);
      }
    };
    peer.channel.send(source(), { close: true });
    await stable(() => pulled);
    assert.ok(pulled < total, `${pulled} pieces were read for a client that reads none`);
    assert.ok(peer.channel.bufferedAmount < 4 * piece.length, `${peer.channel.bufferedAmount} bytes wait`);
    peer.client.resume();
    let received = 0;
    if (kind === longPolling) await peer.readStart();
    while (received < total * piece.length) received += (await peer.client.readChunk({ timeoutMs: 10_000 })).length;
    await peer.expectGoodEnd();
  },
  { kinds: [longPolling, streaming] },
);

/** Resolves once a number that grows has stood still for a while. */
async function stable(read: () => number): Promise<void> {
  for (let before = -1, now = read(); now !== before; now = read()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

eachKind(
  "what waits behind a stream counts as buffered, and flushed() and drained() wait for it [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const [source] = sourceForms.map(({ create }) => create());
    assert.ok(source);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.push(source.body);
    peer.push(Buffer.alloc(100_000));
    assert.ok(peer.channel.bufferedAmount >= 100_000, `${peer.channel.bufferedAmount} bytes wait`);
    const order: string[] = [];
    const flushed = peer.channel.flushed().then(() => order.push("flushed"));
    const drained = peer.channel.drained().then(() => order.push("drained"));
    await peer.client.expectNothing(50);
    assert.deepEqual(order, []);
    source.end();
    await within(2000, Promise.all([flushed, drained]), "flushed and drained");
    if (kind.isWebSocket) assert.equal((await peer.readBytes()).length, 0);
    assert.equal((await peer.readBytes()).length, 100_000);
    assert.equal(peer.channel.bufferedAmount, 0);
  },
);

eachKind(
  "sends behind a stream that stalls run into the hard limit like any other [C44] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const [source, behind] = [sourceForms[0]?.create(), sourceForms[1]?.create()];
    assert.ok(source && behind);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.push(source.body);
    peer.push(behind.body);
    assert.equal(peer.push(Buffer.alloc(600_000)), true);
    assert.equal(peer.push(Buffer.alloc(600_000)), false);
    peer.expectDead();
    await peer.expectClose("overflow", { code: 1013, wasClean: false });
    await peer.expectCut(1013);
    await within(1000, source.released, "the release of the source");
    await within(1000, behind.released, "the release of the source behind it");
  },
);

eachKind(
  "sends that are empty run into a limit behind a stream, too: each of them takes memory [C44] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const source = sourceForms[0]?.create();
    assert.ok(source);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.push(source.body);
    let accepted = 0;
    while (accepted < 100_000 && peer.push("")) accepted += 1;
    assert.ok(accepted >= 1000, `only ${accepted} were accepted`);
    assert.ok(accepted <= 10_000, `${accepted} were accepted`);
    peer.expectDead();
    await peer.expectClose("overflow", { code: 1013, wasClean: false });
    await within(1000, source.released, "the release of the source");
  },
);

eachKind(
  "behind a stream and more than may wait a channel can still be closed by a send [C44] [C127]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const source = sourceForms[0]?.create();
    assert.ok(source);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.push(source.body);
    // Into an empty line any number of bytes may be sent.
    assert.equal(peer.push(Buffer.alloc(2_000_000)), true);
    assert.equal(peer.channel.send(null, { close: true }), true);
    source.end();
    if (kind.isWebSocket) assert.equal((await peer.readBytes()).length, 0);
    assert.equal((await peer.readBytes()).length, 2_000_000);
    await peer.expectGoodEnd();
  },
);

eachKind("everything accepted behind a stream is delivered, up to the hard limit [C44] [C125]", async (kind, park) => {
  const peer = await kind.open(park);
  const [source] = sourceForms.map(({ create }) => create());
  assert.ok(source);
  peer.push("begun");
  assert.equal(await peer.readText(), "begun");
  peer.push(source.body);
  // The largest amount that is accepted, to be sent behind a piece that has not left when the stream ends.
  for (let index = 0; index < 16; index++) assert.equal(peer.push(Buffer.alloc(65_536, index)), true, `send ${index}`);
  assert.equal(peer.push(Readable.from([])), true);
  source.push(Buffer.alloc(60_000, "p"));
  source.end();
  assert.equal((await peer.readBytes()).length, 60_000);
  for (let index = 0; index < 16; index++) {
    const bytes = await peer.readBytes();
    assert.equal(bytes.length, 65_536);
    assert.equal(bytes[0], index);
  }
  if (kind.isWebSocket) assert.equal((await peer.readBytes()).length, 0);
  assert.equal(peer.channel.isOpen, true);
});

parkTest("websocket: a stream longer than the hard limit fails and is let go of [C61] [C127]", async (park) => {
  const peer = await webSocket.open(park);
  const [source] = sourceForms.map(({ create }) => create());
  assert.ok(source);
  peer.push(source.body);
  for (let index = 0; index < 17; index++) source.push(Buffer.alloc(65_536));
  await peer.expectCut(1011);
  await within(1000, source.released, "the release of the source");
  const { cause } = park.expectError("BODY_FAILED");
  assert.ok(isChannelError(cause) && cause.code === "INVALID_ARGUMENT");
});

eachKind("a stream sent while another channel's stream stalls is not held up [C44]", async (kind, park) => {
  const [stalled, other] = [await kind.open(park), await kind.open(park)];
  stalled.push(sourceForms[0]?.create().body);
  other.push(Readable.from(["quick"]));
  assert.equal(await other.readText(), "quick");
});

eachKind(
  "what was accepted behind a stream is delivered even if a large piece came between [C44] [C125]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const [source] = sourceForms.map(({ create }) => create());
    assert.ok(source);
    peer.push("begun");
    assert.equal(await peer.readText(), "begun");
    peer.client.pause();
    peer.push(source.body);
    for (let index = 0; index < 16; index++)
      assert.equal(peer.push(Buffer.alloc(65_536, index)), true, `send ${index}`);
    const large = 24 * 1024 * 1024;
    source.push(Buffer.alloc(large));
    await eventually(() => assert.ok(peer.channel.bufferedAmount > large / 2));
    assert.equal(peer.channel.close(), true);
    peer.client.resume();
    assert.equal((await peer.readBytes({ timeoutMs: 10_000 })).length, large);
    for (let index = 0; index < 16; index++) assert.equal((await peer.readBytes())[0], index);
    await peer.expectGoodEnd();
    await peer.expectClose("server-close");
  },
  { kinds: httpKinds },
);
