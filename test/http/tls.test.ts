import assert from "node:assert/strict";
import { test } from "node:test";
import { withChannel } from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import {
  expectReusable,
  expectWire,
  get,
  get10,
  parkOne,
  post,
  readChunks,
  readLargeStream,
  setStage,
} from "./stage.ts";

const options = { tls: selfSignedCertificate() };

test("over TLS an answer and a stream have the same bytes, and the connection is kept [C28, C36, C37, C40]", async (t) => {
  const stage = await setStage(t, undefined, options);
  const { client, channel } = await parkOne(stage);
  channel.send({ headers: { "X-A": "1" }, body: "hello" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 5\r\n\r\nhello");
  client.write(get("/stream"));
  const stream = await stage.channel("/stream");
  stream.send({ headers: { "X-A": "1" }, body: "a" }, { close: false });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  stream.send("b");
  await expectWire(client, "1\r\nb\r\n0\r\n\r\n");
  await expectReusable(client);
});

test("over TLS Connection: close and HTTP/1.0 end with FIN behind the last byte [C34, C49, C50]", async (t) => {
  const stage = await setStage(t, undefined, options);
  const closing = await parkOne(stage, "/close", get("/close", "Connection: close"));
  closing.channel.send("x".repeat(1_000_000));
  assert.equal((await closing.client.readResponse()).body.length, 1_000_000);
  assert.equal(await closing.client.expectEnd(), "fin");
  const old = await parkOne(stage, "/old", get10("/old"));
  old.channel.send({ headers: { "X-A": "1" }, body: "one" }, { close: false });
  await old.client.readUntil("one");
  old.channel.send("two");
  await expectWire(old.client, "two");
  assert.equal(await old.client.expectEnd(), "fin");
});

test("over TLS pipelined requests wait, and an upgrade behind a poll comes after its answer [C53, C58]", async (t) => {
  const stage = await setStage(
    t,
    (request, path) => {
      if (path !== "/ws") return undefined;
      return withChannel(request, (channel) => channel.onReceive((message) => void channel.send(message)));
    },
    options,
  );
  const { client, channel } = await parkOne(
    stage,
    "/poll",
    get("/poll") + get("/now/two") + handshakeRequest({ path: "/ws" }),
  );
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), ["/poll"]);
  channel.send("one");
  assert.equal((await client.readResponse()).text, "one");
  assert.equal((await client.readResponse()).text, "two");
  assert.equal((await client.readHead()).status, 101);
  client.write(frames.text("hi"));
  assert.equal((await client.read("frame", frames.parseFrame)).payload.toString(), "hi");
});

test("over TLS an offer of another protocol is served as a plain request, with what follows it [C96]", async (t) => {
  const client = await (await setStage(t, undefined, options)).connect();
  client.write(get("/now/plain", "Connection: Upgrade", "Upgrade: h2c") + get("/now/after"));
  assert.equal((await client.readResponse()).text, "plain");
  assert.equal((await client.readResponse()).text, "after");
  await expectReusable(client);
});

test("over TLS a client that leaves a parked poll is noticed, by its end and by a reset [C77]", async (t) => {
  const stage = await setStage(t, undefined, options);
  const ending = await parkOne(stage, "/end");
  ending.client.end();
  assert.deepEqual((await stage.log.waitFor("close", { timeoutMs: 1000 })).args.slice(0, 2), ["/end", "client-close"]);
  const reset = await parkOne(stage, "/reset");
  reset.client.reset();
  const second = await stage.log.waitFor("close", { count: 2, timeoutMs: 1000 });
  assert.deepEqual(second.args.slice(0, 2), ["/reset", "client-close"]);
});

test("over TLS a slow reader slows a stream body down and gets all of it [C44]", async (t) => {
  const stage = await setStage(t, undefined, options);
  const { client, channel } = await parkOne(stage);
  let pulled = 0;
  async function* generate(): AsyncGenerator<Uint8Array> {
    for (; pulled < 1024; pulled++) yield Buffer.alloc(16 * 1024, pulled & 0xff);
  }
  client.pause();
  channel.send(generate());
  await expectReusable(await stage.connect());
  assert.ok(pulled < 1024);
  client.resume();
  const response = await readLargeStream(client);
  assert.ok(response.chunks?.length === 1024 && response.chunks.every((chunk, index) => chunk[0] === (index & 0xff)));
  await expectReusable(client);
});

test("over TLS a body may come one byte a record [C60]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()), options);
  const client = await stage.connect();
  await client.writeByteByByte(post("/echo", "hello"));
  assert.equal((await client.readResponse()).text, "hello");
});

test("over TLS chunks sent in one turn keep their borders [C38]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t, undefined, options));
  for (const text of ["a", "bb", "ccc"]) channel.send(text, { close: false });
  channel.close();
  await client.readHead();
  assert.deepEqual(await readChunks(client), ["a", "bb", "ccc"]);
});
