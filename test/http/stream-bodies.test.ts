import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { test } from "node:test";
import { deferred, eventually, within } from "../support/expect.ts";
import { expectReusable, expectWire, head, parkOne, readChunks, readLargeStream, setStage } from "./stage.ts";

const headers = { "X-A": "1" };
const streamHead = "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Sources of each kind that yield "first" and then nothing more, and tell when they are let go. */
const stalling: Record<
  string,
  () => { body: ReadableStream<string> | Readable | AsyncIterable<string>; released: Promise<void> }
> = {
  "a web stream": () => {
    const released = deferred();
    const body = new ReadableStream<string>({
      start: (controller) => controller.enqueue("first"),
      cancel: () => released.resolve(),
    });
    return { body, released: released.promise };
  },
  "a Node stream": () => {
    const released = deferred();
    const body = new Readable({
      read: () => undefined,
      destroy: (error, callback) => {
        released.resolve();
        callback(error);
      },
    });
    body.push("first");
    return { body, released: released.promise };
  },
  "an iterable": () => {
    const released = deferred();
    let count = 0;
    const iterator: AsyncIterator<string> = {
      next: () => (count++ === 0 ? Promise.resolve({ done: false, value: "first" }) : new Promise(() => undefined)),
      return: () => {
        released.resolve();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    return { body: { [Symbol.asyncIterator]: () => iterator }, released: released.promise };
  },
};

for (const [name, make] of Object.entries(stalling)) {
  test(`the first piece of ${name} is on the wire although the second never comes [C44]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    assert.equal(channel.send({ headers, body: make().body }), true);
    await expectWire(client, `${streamHead}5\r\nfirst\r\n`);
    await client.expectNothing(100);
  });

  test(`${name} that stalls is let go when the client leaves [C16, C44, C80]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    const { body, released } = make();
    channel.send({ headers, body }, { close: false });
    await expectWire(client, `${streamHead}5\r\nfirst\r\n`);
    client.destroy();
    await within(1000, released, "the release of the source");
    assert.equal((await stage.log.waitFor("close")).args[1], "client-close");
    assert.deepEqual(stage.errors, []);
  });

  test(`${name} that stalls is let go by close(), and what was sent behind it leaves first [C44]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    const { body, released } = make();
    channel.send({ headers, body }, { close: false });
    await expectWire(client, `${streamHead}5\r\nfirst\r\n`);
    assert.equal(channel.send("behind", { close: false }), true);
    await client.expectNothing(100);
    assert.equal(channel.close(), true);
    await expectWire(client, "6\r\nbehind\r\n0\r\n\r\n");
    await within(1000, released, "the release of the source");
    await expectReusable(client);
    assert.deepEqual(stage.errors, []);
  });

  test(`${name} is let go when it answers HEAD [C16, C45]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t), "/parked", head("/parked"));
    const { body, released } = make();
    assert.equal(channel.send({ headers, body }), true);
    await within(1000, released, "the release of the source");
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\n\r\n");
    await expectReusable(client);
  });

  test(`${name} given to a refused send is let go, unread [C16]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    channel.send("answer");
    const bare = make();
    assert.equal(channel.send(bare.body), false);
    const answer = make();
    assert.equal(channel.send({ headers, body: answer.body }), false);
    await within(1000, Promise.all([bare.released, answer.released]), "the release of the sources");
    assert.equal((await client.readResponse()).text, "answer");
    await expectReusable(client);
  });
}

/** A source that waits at a gate before its first piece. */
function gated(): { body: AsyncIterable<string>; open: () => void } {
  const gate = deferred();
  async function* generate(): AsyncGenerator<string> {
    await gate.promise;
    yield "piece";
  }
  return { body: generate(), open: gate.resolve };
}

test("sends wait in line behind a stream body, and its head is the head [C44]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  const { body, open } = gated();
  channel.send({ headers, body }, { close: false });
  assert.equal(channel.send({ status: 500, headers: { "X-B": "1" }, body: "behind" }, { close: false }), true);
  assert.equal(channel.send("last"), true);
  assert.equal(channel.isOpen, false);
  // The head does not wait for a slow first piece.
  await expectWire(client, streamHead);
  await client.expectNothing(100);
  open();
  await expectWire(client, `5\r\npiece\r\n6\r\nbehind\r\n4\r\nlast\r\n0\r\n\r\n`);
  await expectReusable(client);
});

test("two stream bodies follow one another [C44]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  const first = gated();
  const second = gated();
  channel.send({ headers, body: first.body }, { close: false });
  channel.send(second.body);
  second.open();
  await client.readHead();
  await client.expectNothing(50);
  first.open();
  assert.deepEqual(await readChunks(client), ["piece", "piece"]);
  await expectReusable(client);
});

test("close() before the first piece of a stream ends it under the head it was given [C5, C44]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: gated().body }, { close: false });
  channel.close();
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n");
  await expectReusable(client);
});

test("close() before the first piece sends what waits behind it under that head [C5, C44]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: gated().body }, { close: false });
  channel.send("behind", { close: false });
  channel.close();
  await expectWire(client, `${streamHead}6\r\nbehind\r\n0\r\n\r\n`);
  await expectReusable(client);
});

test("bytes that wait behind a stream body count as buffered [C124]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  const { body, open } = gated();
  channel.send({ headers, body }, { close: false });
  channel.send("x".repeat(100_000), { close: false });
  assert.equal(channel.bufferedAmount, 100_000);
  let isDrained = false;
  const drained = channel.drained().then(() => {
    isDrained = true;
  });
  await expectWire(client, streamHead);
  await client.expectNothing(50);
  assert.equal(isDrained, false);
  open();
  await drained;
  channel.close();
  assert.equal((await readChunks(client)).join("").length, 100_005);
});

test("more than the hard limit behind a stream body closes the channel with overflow [C127]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxBufferedBytes: 1000 } });
  const { client, channel } = await parkOne(stage);
  channel.send({ headers, body: gated().body }, { close: false });
  assert.equal(channel.send("x".repeat(900), { close: false }), true);
  assert.equal(channel.send("x".repeat(200), { close: false }), false);
  assert.equal(channel.isOpen, false);
  assert.equal((await stage.log.waitFor("close")).args[1], "overflow");
  await client.waitForEnd();
  assert.deepEqual(stage.errors, []);
});

test("a slow reader slows a stream body down [C44, C124]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  let pulled = 0;
  async function* generate(): AsyncGenerator<Uint8Array> {
    for (; pulled < 2048; pulled++) yield Buffer.alloc(16 * 1024, pulled & 0xff);
  }
  client.pause();
  channel.send(generate());
  await eventually(
    async () => {
      const before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(pulled > 0 && pulled === before, `${pulled} pieces were asked for, still going on`);
    },
    { timeoutMs: 5000 },
  );
  assert.ok(pulled < 2048, "all of it was read although the client read nothing");
  client.resume();
  const response = await readLargeStream(client);
  assert.equal(response.chunks?.length, 2048);
  await expectReusable(client);
});

test("a file that does not exist is a 500 without its path, and a report [C62]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  // The system may take longer to say so than the head waits for a first piece: that wait stands still.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  channel.send({ headers, body: createReadStream("/secret/path/of/nothing") });
  t.mock.timers.reset();
  const response = await client.readResponse();
  assert.equal(response.status, 500);
  assert.doesNotMatch(client.received.toString("latin1"), /secret|path|ENOENT|X-A/);
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["BODY_FAILED"],
  );
  assert.equal((await stage.log.waitFor("close")).args[1], "server-close");
  assert.equal(channel.send("late"), false);
  await expectReusable(client);
});

for (const close of [true, false]) {
  test(`a source that fails behind its first piece cuts the connection with an error status, close ${close} [C62]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    const gate = deferred();
    async function* generate(): AsyncGenerator<string> {
      yield "first";
      await gate.promise;
      throw new Error("secret");
    }
    channel.send({ headers, body: generate() }, { close });
    await expectWire(client, `${streamHead}5\r\nfirst\r\n`);
    gate.resolve();
    await client.waitForEnd();
    assert.doesNotMatch(client.received.toString("latin1"), /secret|0\r\n\r\n/);
    assert.equal((await stage.log.waitFor("close")).args[1], "internal-server-error");
    assert.deepEqual(
      stage.errors.map(({ code }) => code),
      ["BODY_FAILED"],
    );
    assert.equal(channel.isOpen, false);
  });
}

for (const piece of [5, {}, null, undefined, ["a"]]) {
  test(`a source that yields ${JSON.stringify(piece)} is a failed body [C23, C62]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    async function* generate(): AsyncGenerator {
      yield piece;
    }
    channel.send(generate() as AsyncGenerator<string>);
    assert.equal((await client.readResponse()).status, 500);
    assert.deepEqual(
      stage.errors.map(({ code }) => code),
      ["BODY_FAILED"],
    );
    await expectReusable(client);
  });
}

test("a source that cannot even be opened is a 500, without the head that was meant for it [C62]", async (t) => {
  const broken = {
    [Symbol.asyncIterator](): AsyncIterator<string> {
      throw new Error("secret");
    },
  };
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  channel.send({ headers, body: broken }, { close: false });
  assert.equal(channel.isOpen, false);
  const response = await client.readResponse();
  assert.equal(response.status, 500);
  assert.equal(response.header("x-a"), undefined);
  assert.doesNotMatch(response.text, /secret/);
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["BODY_FAILED"],
  );
  await expectReusable(client);
});

test("a stream that somebody else reads throws to the caller and leaves the channel open [C23]", async (t) => {
  const locked = new ReadableStream<string>();
  locked.getReader();
  const { client, channel } = await parkOne(await setStage(t));
  assert.throws(() => channel.send({ headers, body: locked }));
  channel.send({ headers: { "X-B": "2" }, body: "good" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-B: 2\r\nDate: <date>\r\nContent-Length: 4\r\n\r\ngood");
});

test("a file that does not exist fails in its turn behind another stream, not before [C44, C62]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  const { body, open } = gated();
  channel.send({ headers, body }, { close: false });
  const missing = createReadStream("/secret/path/of/nothing");
  channel.send(missing, { close: false });
  await eventually(() => assert.equal(missing.destroyed, true));
  await expectWire(client, streamHead);
  await client.expectNothing(50);
  assert.equal(channel.isOpen, true);
  open();
  await expectWire(client, "5\r\npiece\r\n");
  await client.waitForEnd();
  assert.doesNotMatch(client.received.toString("latin1"), /secret|0\r\n\r\n/);
  assert.equal((await stage.log.waitFor("close")).args[1], "internal-server-error");
});

test("what waited behind a stream is delivered although it is more than the hard limit at once [C125, C127]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxBufferedBytes: 100_000 } });
  const { client, channel } = await parkOne(stage);
  const { body, open } = gated();
  channel.send({ headers, body }, { close: false });
  assert.equal(channel.send("x".repeat(5_000_000), { close: false }), true);
  channel.send(null);
  client.pause();
  open();
  await stage.log.waitFor("close");
  client.resume();
  assert.equal((await client.readResponse({ timeoutMs: 10_000 })).body.length, 5_000_005);
  assert.equal(stage.log.of("close")[0]?.args[1], "server-close");
  await expectReusable(client);
});
