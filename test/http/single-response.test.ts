import assert from "node:assert/strict";
import { test } from "node:test";
import { isChannelError } from "../../src/index.ts";
import { expectReusable, expectWire, get, parkOne, setStage } from "./stage.ts";

test("a bare text is a 200 with the default type, its date and its length, and nothing else [C28, C29, C30]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  assert.equal(channel.send("héllo"), true);
  const head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nDate: <date>\r\nContent-Length: 6\r\n\r\n";
  await expectWire(client, `${head}h\u00c3\u00a9llo`);
  await expectReusable(client);
});

test("the framing that a caller gives is discarded, in any case, and the next response stays intact [C28, P16, P17]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  client.write(get("/now/next"));
  channel.send({
    headers: {
      "CONTENT-length": 999,
      "Transfer-encoding": "chunked",
      Trailer: "x",
      TE: "gzip",
      "Keep-Alive": "timeout=1",
    },
    body: "hey",
  });
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 3\r\n\r\nhey");
  assert.equal((await client.readResponse()).text, "next");
});

for (const length of ["0", "1", "-5", "abc", "3, 3"]) {
  test(`a Content-Length of ${length} from the caller never gets on the wire with a body of three bytes [C28]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    channel.send({ headers: [["Content-Length", length]], body: "hey" });
    await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 3\r\n\r\nhey");
    await expectReusable(client);
  });
}

test("with any header of the caller no type is added [C29]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: { "X-A": "1" }, body: "b" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 1\r\n\r\nb");
});

test("a map without headers gets the default type, also under another status [C29]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ status: 404 });
  await expectWire(
    client,
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n",
  );
});

test("an ordinary response gets no default type [C29]", async (t) => {
  const stage = await setStage(t, () => new Response(Buffer.from("bytes")));
  const client = await stage.connect();
  client.write(get("/"));
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 5\r\n\r\nbytes");
});

test("there is no Server field by default, and the configured one on every sort of response [C30]", async (t) => {
  const stage = await setStage(t, undefined, { serverHeader: "unit" });
  const { client, channel } = await parkOne(stage);
  channel.send({ headers: { "X-A": "1" }, body: "b" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nServer: unit\r\nContent-Length: 1\r\n\r\nb");
  client.write(get("/now/text"));
  assert.equal((await client.readResponse()).header("server"), "unit");
  client.write("BAD\r\n\r\n");
  const refusal = await client.readResponse();
  assert.equal(refusal.status, 400);
  assert.equal(refusal.header("server"), "unit");
});

test("Date and Server of the caller replace those of the server [C30]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t, undefined, { serverHeader: "unit" }));
  channel.send({ headers: { dAtE: "never", SERVER: "mine" }, body: "b" });
  await expectWire(client, "HTTP/1.1 200 OK\r\ndAtE: never\r\nSERVER: mine\r\nContent-Length: 1\r\n\r\nb");
});

test("names of header fields go out as the caller wrote them [C31]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: { ETag: '"1"', "x-lower": "a", "WWW-Authenticate": "Basic" } });
  await expectWire(
    client,
    'HTTP/1.1 200 OK\r\nETag: "1"\r\nx-lower: a\r\nWWW-Authenticate: Basic\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n',
  );
});

test("a list is a line an element, null leaves out, other values are written as text, non-ASCII as UTF-8 [C32]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({
    headers: {
      "Set-Cookie": ["a=1", null, "b=2"],
      "X-None": null,
      "X-Undefined": undefined,
      "X-Number": 5,
      "X-True": true,
      "X-Text": "é\t€",
    },
  });
  const lines =
    "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Number: 5\r\nX-True: true\r\nX-Text: \u00c3\u00a9\t\u00e2\u0082\u00ac";
  await expectWire(client, `HTTP/1.1 200 OK\r\n${lines}\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n`);
});

test("a Headers object and pairs are taken like a map, cookies a line each [C32]", async (t) => {
  const stage = await setStage(t);
  const headers = new Headers([
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
    ["X-A", "1"],
  ]);
  for (const [path, given] of Object.entries({ "/headers": headers, "/pairs": [...headers] })) {
    const { client, channel } = await parkOne(stage, path);
    channel.send({ headers: given });
    const response = await client.readResponse();
    assert.deepEqual(response.headers("set-cookie"), ["a=1", "b=2"]);
    assert.equal(response.header("x-a"), "1");
  }
});

for (const status of ["404", 200.5, Number.NaN, 0, 99, 100, 101, 103, 199, 1000, -200, null, 200n]) {
  test(`a status of ${typeof status} ${String(status)} throws, writes nothing and leaves the channel open [C24, C33]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t));
    const data = { status: status as number, headers: { "X-Bad": "1" }, body: "bad" };
    assert.throws(
      () => channel.send(data),
      (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
    );
    assert.throws(() => channel.send(data, { close: false }));
    assert.equal(channel.isOpen, true);
    channel.send({ headers: { "X-A": "1" }, body: "good" });
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 4\r\n\r\ngood");
  });
}

test("a status without a known phrase keeps the space behind it [C28]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ status: 299, headers: { "X-A": "1" } });
  await expectWire(client, "HTTP/1.1 299 \r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n");
});

for (const connection of ["close", "CLOSE", "foo, Close"]) {
  test(`the response to "Connection: ${connection}" says close, and then comes FIN [C34]`, async (t) => {
    const { client, channel } = await parkOne(
      await setStage(t),
      "/parked",
      get("/parked", `Connection: ${connection}`),
    );
    channel.send({ headers: { "X-A": "1" }, body: "bye" });
    await expectWire(
      client,
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye",
    );
    assert.equal(await client.expectEnd(), "fin");
  });
}

test("an ordinary response to Connection: close says close, too [C34]", async (t) => {
  const client = await (await setStage(t)).connect();
  client.write(get("/now/bye", "Connection: close"));
  const response = await client.readResponse();
  assert.equal(response.header("connection"), "close");
  assert.equal(await client.expectEnd(), "fin");
});

test("an application's Connection: close ends the connection, and requests behind are not dispatched [C35]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/parked", get("/parked") + get("/now/second"));
  channel.send({ headers: { Connection: "close" }, body: "bye" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye");
  assert.equal(await client.expectEnd(), "fin");
  assert.deepEqual(stage.paths(), ["/parked"]);
});

test("an application's Connection: close on a stream ends the connection after its last chunk [C35]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/parked", get("/parked") + get("/now/second"));
  channel.send({ headers: { connection: "keep-alive, close" }, body: "a" }, { close: false });
  channel.send("b");
  const head = "HTTP/1.1 200 OK\r\nDate: <date>\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  await expectWire(client, `${head}1\r\na\r\n1\r\nb\r\n0\r\n\r\n`);
  assert.equal(await client.expectEnd(), "fin");
  assert.deepEqual(stage.paths(), ["/parked"]);
});

test("an ordinary response with Connection: close ends the connection, too [C35]", async (t) => {
  const stage = await setStage(t, () => new Response("bye", { headers: { Connection: "close" } }));
  const client = await stage.connect();
  client.write(get("/first") + get("/second"));
  const response = await client.readResponse();
  assert.equal(response.header("connection"), "close");
  assert.equal(await client.expectEnd(), "fin");
  assert.deepEqual(stage.paths(), ["/first"]);
});

test("a value that only looks like close keeps the connection [C35]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  channel.send({ headers: { Connection: "closed, not-close" }, body: "stay" });
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 4\r\n\r\nstay");
  await expectReusable(client);
});

test("no response tells how long the connection is kept [P26]", async (t) => {
  const client = await (await setStage(t)).connect();
  client.write(get("/now/text"));
  const response = await client.readResponse();
  assert.equal(response.header("keep-alive"), undefined);
  assert.equal(response.header("connection"), undefined);
});

test("a second send after the answer is false, throws nothing and writes nothing [C36, P22]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  assert.equal(channel.send("one"), true);
  assert.equal(channel.send("two"), false);
  assert.equal(channel.close(), false);
  assert.equal((await client.readResponse()).text, "one");
  await expectReusable(client);
});

test("a thousand answers on one connection come each from its own channel [C36]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  for (let count = 0; count < 1000; count++) {
    client.write(get(`/poll-${count}`));
    const channel = await stage.channel(`/poll-${count}`);
    channel.send(`answer ${count}`);
    assert.equal((await client.readResponse()).text, `answer ${count}`);
  }
  assert.equal(stage.log.of("close").length, 1000);
  assert.deepEqual(stage.errors, []);
});
