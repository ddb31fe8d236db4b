import assert from "node:assert/strict";
import { createReadStream, openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { type Data, isChannelError } from "../../src/index.ts";
import { toBytes } from "../support/bytes.ts";
import { expectReusable, expectWire, get, parkOne, post, setStage } from "./stage.ts";

const named = {
  toString: () => "named",
};

const whole: { name: string; data: () => Data; bytes: string | Uint8Array }[] = [
  { name: "a text", data: () => "h€llo", bytes: Buffer.from("h€llo") },
  { name: "an empty text", data: () => "", bytes: "" },
  { name: "a text with an unpaired surrogate", data: () => "a\ud800b", bytes: Buffer.from("a\ufffdb") },
  { name: "a Buffer", data: () => Buffer.from([0, 255, 10, 13]), bytes: "\0\u00ff\n\r" },
  { name: "a view with an offset", data: () => Uint8Array.from([1, 2, 3, 4]).subarray(1, 3), bytes: "\u0002\u0003" },
  { name: "an ArrayBuffer", data: () => Uint8Array.from([65, 66]).buffer, bytes: "AB" },
  { name: "null", data: () => null, bytes: "" },
  { name: "undefined", data: () => undefined, bytes: "" },
  { name: "an empty sequence", data: () => [], bytes: "" },
  {
    name: "a sequence of all sorts",
    data: () => ["a", 1, true, null, undefined, named, Buffer.from([0xff]), "é"],
    bytes: Buffer.concat([Buffer.from("a1truenamed"), Buffer.from([0xff]), Buffer.from("é")]),
  },
  { name: "a sequence of texts", data: () => ["a", 1, named], bytes: "a1named" },
  { name: "a text of 8 MiB", data: () => "x".repeat(8 * 1024 * 1024), bytes: Buffer.alloc(8 * 1024 * 1024, "x") },
];

for (const { name, data, bytes } of whole) {
  test(`${name} is a whole response with its bytes and their number [C61]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    assert.equal(channel.send(data()), true);
    const expected = toBytes(bytes);
    const response = await client.readResponse({ timeoutMs: 10_000 });
    assert.equal(response.header("content-length"), String(expected.length));
    assert.ok(response.body.equals(expected), response.body.toString("latin1", 0, 100));
    await expectReusable(client);
  });
}

for (const length of [1, 2, 1023, 1024, 65_535, 65_536, 65_537, 1_048_576, 5_000_011]) {
  test(`a body of ${length} bytes arrives whole, alone and as a chunk [C61]`, async (t) => {
    const body = Buffer.alloc(length, "0123456789abcdef");
    const stage = await setStage(t);
    const { client, channel } = await parkOne(stage);
    channel.send(body);
    const response = await client.readResponse({ timeoutMs: 10_000 });
    assert.ok(response.body.equals(body));
    client.write(get("/stream"));
    const second = await stage.channel("/stream");
    second.send(body, { close: false });
    second.close();
    const streamed = await client.readResponse({ timeoutMs: 10_000 });
    assert.deepEqual(
      streamed.chunks?.map((chunk) => chunk.length),
      [length],
    );
    assert.ok(streamed.body.equals(body));
  });
}

async function* generate(): AsyncGenerator<string | Uint8Array> {
  yield "one";
  await Promise.resolve();
  yield "";
  yield Buffer.from("two");
}

const streamed: { name: string; data: () => Data; chunks: string[] }[] = [
  { name: "an asynchronous generator", data: generate, chunks: ["one", "two"] },
  { name: "a Node stream", data: () => Readable.from(["one", Buffer.from("two")]), chunks: ["one", "two"] },
  {
    name: "a web stream",
    data: () =>
      new ReadableStream<string>({
        start(controller) {
          controller.enqueue("one");
          controller.enqueue("two");
          controller.close();
        },
      }),
    chunks: ["one", "two"],
  },
  { name: "a Blob", data: () => new Blob(["one", "two"]), chunks: ["onetwo"] },
  { name: "an empty Node stream", data: () => Readable.from([]), chunks: [] },
];

for (const { name, data, chunks } of streamed) {
  test(`${name} is a stream of chunks, alone, as an answer's body and inside a stream [C44, C61]`, async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    const forms: [string, () => Data][] = [
      ["/alone", data],
      ["/answer", () => ({ headers: { "X-A": "1" }, body: data() as AsyncIterable<string> })],
    ];
    for (const [path, form] of forms) {
      client.write(get(path));
      const channel = await stage.channel(path);
      assert.equal(channel.send(form()), true);
      assert.equal(channel.isOpen, false);
      const response = await client.readResponse();
      assert.equal(response.status, 200);
      assert.equal(response.text, chunks.join(""));
      assert.notEqual(response.chunks, undefined);
      await expectReusable(client);
    }
    client.write(get("/inside"));
    const channel = await stage.channel("/inside");
    channel.send("before", { close: false });
    channel.send(data(), { close: false });
    channel.send("after");
    const response = await client.readResponse();
    assert.equal(response.text, `before${chunks.join("")}after`);
    await expectReusable(client);
  });
}

test("a file is sent as a Blob or as a Node stream: its bytes, without a guess at its type [C61]", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "channelkit-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "page.svg");
  const content = Buffer.alloc(300_000, "<svg/>\n");
  await writeFile(path, content);
  const stage = await setStage(t);
  const client = await stage.connect();
  for (const [name, body] of [
    ["/blob", await openAsBlob(path)] as const,
    ["/stream", createReadStream(path)] as const,
  ]) {
    client.write(get(name));
    (await stage.channel(name)).send({ headers: { "X-A": "1" }, body });
    const response = await client.readResponse();
    assert.equal(response.header("content-type"), undefined);
    assert.ok(response.body.equals(content), name);
    await expectReusable(client);
  }
});

class Custom {
  readonly value = 1;
}

const wrong: Record<string, unknown> = {
  "a number": 42,
  true: true,
  "a bigint": 1n,
  "a symbol": Symbol("s"),
  "a function": () => "text",
  "a plain object": { text: "a" },
  "a Map": new Map([["a", "b"]]),
  "a Date": new Date(0),
  "an instance of a class": new Custom(),
  "a promise": Promise.resolve("text"),
  "a sequence with a symbol": ["a", Symbol("s")],
  "a sequence with a function": [() => "a"],
  "an answer whose body is a number": { body: 42 },
  "an answer whose headers are a text": { headers: "X-A: 1", body: "x" },
  "an answer whose headers are a number": { headers: 5, body: "x" },
};

for (const [name, data] of Object.entries(wrong)) {
  test(`${name} throws at once, writes nothing and leaves the channel open [C23]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    for (const close of [true, false]) {
      assert.throws(
        () => channel.send(data as Data, { close }),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
      );
    }
    assert.equal(channel.isOpen, true);
    assert.equal(channel.send({ headers: { "X-A": "1" }, body: "good" }), true);
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 4\r\n\r\ngood");
    await expectReusable(client);
  });
}

test("what throws inside a stream writes no chunk and leaves it open [C23]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: { "X-A": "1" }, body: "a" }, { close: false });
  for (const data of Object.values(wrong).slice(0, 13)) assert.throws(() => channel.send(data as Data));
  channel.send("b");
  const head = "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n";
  await expectWire(client, `${head}1\r\na\r\n1\r\nb\r\n0\r\n\r\n`);
});

const badHeads: Record<string, unknown> = {
  "CR LF in a value": { "X-Bad": "a\r\nInjected: 1" },
  "LF in a value": { "X-Bad": "a\nInjected: 1" },
  "CR in a value": { "X-Bad": "a\rInjected: 1" },
  "NUL in a value": { "X-Bad": "a\0" },
  "DEL in a value": { "X-Bad": "a\x7f" },
  "ESC in a value": { "X-Bad": "a\x1b[0m" },
  "a bad value in a list": { "X-Bad": ["fine", "a\r\nInjected: 1"] },
  "a space in a name": { "X Bad": "1" },
  "a colon in a name": { "X-Bad:": "1" },
  "an empty name": { "": "1" },
  "CR LF in a name": { "X\r\nInjected": "1" },
  "a name that is not ASCII": { "X-é": "1" },
  "CR LF in a framing field": { Connection: "close\r\nInjected: 1" },
  "CR LF in a pair": [["X-Bad", "a\r\nInjected: 1"]],
};

for (const [name, headers] of Object.entries(badHeads)) {
  test(`${name} throws, writes nothing and leaves the channel open [C24]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    for (const close of [true, false]) {
      assert.throws(
        () => channel.send({ headers: headers as Record<string, string>, body: "bad" }, { close }),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
      );
    }
    channel.send({ headers: { "X-A": "1" }, body: "good" });
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 4\r\n\r\ngood");
    assert.doesNotMatch(client.received.toString("latin1"), /Injected/);
    await expectReusable(client);
  });
}

test("a request body of exactly the limit is there whole when the handler runs [C63]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()), {
    limits: { maxBodyBytes: 50_000 },
  });
  const client = await stage.connect();
  const body = "0123456789".repeat(5000);
  client.write(post("/echo", body));
  assert.equal((await client.readResponse()).text, body);
  client.write(post("/echo", `${body}x`));
  assert.equal((await client.readResponse()).status, 413);
  await client.expectEnd();
  assert.deepEqual(stage.paths(), ["/echo"]);
});

test("the handler of a request does not run before its body is whole [C63]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()));
  const client = await stage.connect();
  const text = post("/echo", "0123456789");
  client.write(text.slice(0, -1));
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), []);
  client.write(text.slice(-1));
  assert.equal((await client.readResponse()).text, "0123456789");
});
