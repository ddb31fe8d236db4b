import assert from "node:assert/strict";
import { test } from "node:test";
import { expectReusable, expectWire, get, parkOne, readChunks, setStage } from "./stage.ts";

const streamHead = "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n";
const headers = { "X-A": "1" };

for (const [name, body] of Object.entries({
  "null body": null,
  "absent body": undefined,
  "empty text": "",
  "empty bytes": Buffer.alloc(0),
})) {
  test(`a first send with ${name} puts the head alone on the wire, at once [C22, C37, C39, P19]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    assert.equal(channel.send({ headers, body }, { close: false }), true);
    await expectWire(client, streamHead);
    await client.expectNothing(100);
    assert.equal(channel.isOpen, true);
    assert.equal(channel.kind, "http-streaming");
    channel.send("x");
    await expectWire(client, "1\r\nx\r\n0\r\n\r\n");
    await expectReusable(client);
  });
}

test("a first send with a body is the head and one chunk; a length of the caller is left out [C37]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: { ...headers, "Content-Length": "3" }, body: "one" }, { close: false });
  await expectWire(client, `${streamHead}3\r\none\r\n`);
  await client.expectNothing(100);
});

test("a bare text that starts a stream gets the default type [C29, C37]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send("one", { close: false });
  const head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n";
  await expectWire(client, `${head}3\r\none\r\n`);
});

test("each send that is not empty is one chunk with exactly its payload, all in one turn too [C38, P24]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  const sends = ["5 first", "", "é", "4 done", "x".repeat(100_000), "\r\n0\r\n\r\n", "end"];
  for (const text of sends) assert.equal(channel.send(text, { close: false }), true);
  channel.close();
  await client.readHead();
  assert.deepEqual(
    await readChunks(client),
    sends.filter((text) => text !== ""),
  );
  await expectReusable(client);
});

test("chunks sent in different turns keep their borders [C38]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: "one" }, { close: false });
  await expectWire(client, `${streamHead}3\r\none\r\n`);
  for (const text of ["two", "three"]) {
    channel.send(text, { close: false });
    assert.equal((await client.readChunk()).toString(), text);
  }
});

test("sizes of chunks are hexadecimal and count bytes [C38]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers }, { close: false });
  channel.send("é".repeat(128), { close: false });
  await expectWire(client, `${streamHead}100\r\n${"\u00c3\u00a9".repeat(128)}\r\n`);
});

test("empty sends inside a stream write nothing and return true [C22, C39, P20]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: "a" }, { close: false });
  for (const empty of ["", null, undefined, new Uint8Array(), [], {}]) {
    assert.equal(channel.send(empty, { close: false }), true);
  }
  channel.send("b", { close: false });
  await expectWire(client, `${streamHead}1\r\na\r\n1\r\nb\r\n`);
});

for (const [name, data] of Object.entries({ text: "z", "empty text": "", null: null })) {
  test(`a closing send of ${name} writes its chunk, if any, and one end [C40, C41]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    channel.send({ headers, body: "a" }, { close: false });
    assert.equal(channel.send(data, { close: true }), true);
    await expectWire(client, `${streamHead}1\r\na\r\n${data === "z" ? "1\r\nz\r\n" : ""}0\r\n\r\n`);
    assert.equal(channel.send("late"), false);
    assert.equal(channel.send("late", { close: false }), false);
    assert.equal(channel.close(), false);
    await expectReusable(client);
  });
}

test("close() ends a stream once and leaves the connection usable [C5, C41]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: "a" }, { close: false });
  assert.equal(channel.close(), true);
  assert.equal(channel.close(), false);
  await expectWire(client, `${streamHead}1\r\na\r\n0\r\n\r\n`);
  await expectReusable(client);
});

test("a map sent into a stream is one chunk of its body: status and headers are not on the wire [C18, C21, P21]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers, body: "one" }, { close: false });
  channel.send({ status: 500, headers: { "X-B": "1" }, body: "two" });
  await expectWire(client, `${streamHead}3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n`);
  await expectReusable(client);
});

test("close() before any send answers 204 and keeps the connection [C7]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage);
  assert.equal(channel.close(), true);
  await expectWire(client, "HTTP/1.1 204 No Content\r\nDate: <date>\r\n\r\n");
  assert.deepEqual((await stage.log.waitFor("close")).args.slice(0, 2), ["/parked", "server-close"]);
  await expectReusable(client);
});

test("a stream to a client that asked for close stays until its last chunk, then FIN [C43]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t), "/parked", get("/parked", "Connection: close"));
  channel.send({ headers, body: "one" }, { close: false });
  await expectWire(
    client,
    "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
  );
  await client.expectNothing(300);
  channel.send("two", { close: false });
  await expectWire(client, "3\r\ntwo\r\n");
  channel.close();
  await expectWire(client, "0\r\n\r\n");
  assert.equal(await client.expectEnd(), "fin");
});

test("interleaved producers lose no chunk, keep each its order and share one head [C25]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  const produce = async (name: string): Promise<void> => {
    for (let count = 0; count < 200; count++) {
      assert.equal(channel.send(`${name}${count}`, { close: false }), true);
      if (count % 7 === 0) await new Promise(setImmediate);
      else await Promise.resolve();
    }
  };
  await Promise.all(["a", "b", "c", "d", "e"].map(produce));
  channel.close();
  assert.equal((await client.readHead()).status, 200);
  const chunks = await readChunks(client);
  assert.equal(chunks.length, 1000);
  for (const name of ["a", "b", "c", "d", "e"]) {
    const own = chunks.filter((chunk) => chunk.startsWith(name));
    assert.deepEqual(
      own,
      Array.from({ length: 200 }, (_, count) => `${name}${count}`),
    );
  }
  await expectReusable(client);
});
