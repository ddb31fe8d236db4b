import assert from "node:assert/strict";
import { test } from "node:test";
import { handshakeRequest } from "../support/handshake.ts";
import { expectReusable, expectWire, get10, parkOne, setStage } from "./stage.ts";

const headers = { "X-A": "1" };

test("an answer to HTTP/1.0 has its length, says close, and ends with FIN [C49, P18]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t), "/parked", get10("/parked"));
  channel.send({ headers, body: "hello" });
  await expectWire(
    client,
    "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
  );
  assert.equal(await client.expectEnd(), "fin");
});

for (const value of ["keep-alive", "Keep-Alive"]) {
  test(`HTTP/1.0 with Connection: ${value} is told that the connection is kept, and it is [C49, P18]`, async (t) => {
    const request = get10("/parked", `Connection: ${value}`);
    const { client, channel } = await parkOne(await setStage(t), "/parked", request);
    channel.send({ headers, body: "hello" });
    await expectWire(
      client,
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello",
    );
    client.write(get10("/now/again", "Connection: keep-alive"));
    const response = await client.readResponse();
    assert.equal(response.header("connection"), "Keep-Alive");
    assert.equal(response.text, "again");
    await expectReusable(client);
  });
}

for (const lines of [[], ["Connection: keep-alive"]]) {
  test(`a stream to HTTP/1.0 is raw bytes until FIN, whatever was asked for (${lines[0] ?? "nothing"}) [C50]`, async (t) => {
    const { client, channel } = await parkOne(await setStage(t), "/parked", get10("/parked", ...lines));
    channel.send({ headers: { ...headers, "Content-Length": "3" }, body: "one" }, { close: false });
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: close\r\n\r\none");
    channel.send("", { close: false });
    channel.send("two", { close: false });
    await expectWire(client, "two");
    await client.expectNothing(100);
    channel.send("three");
    await expectWire(client, "three");
    assert.equal(await client.expectEnd(), "fin");
  });
}

test("an ordinary response of unknown length to HTTP/1.0 ends with FIN [C50]", async (t) => {
  const pieces = ["one", "two", "three"];
  const stage = await setStage(t, () => {
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise(setImmediate);
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(Buffer.from(piece));
        },
      }),
    );
  });
  const client = await stage.connect();
  client.write(get10("/", "Connection: keep-alive"));
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nConnection: close\r\n\r\nonetwothree");
  assert.equal(await client.expectEnd(), "fin");
});

test("close() before any send to HTTP/1.0 is a 204, then FIN [C51]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t), "/parked", get10("/parked"));
  channel.close();
  await expectWire(client, "HTTP/1.1 204 No Content\r\nDate: <date>\r\nConnection: close\r\n\r\n");
  assert.equal(await client.expectEnd(), "fin");
});

test("close() before any send keeps a connection that HTTP/1.0 asked to keep [C51]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t), "/parked", get10("/parked", "Connection: keep-alive"));
  channel.close();
  await expectWire(client, "HTTP/1.1 204 No Content\r\nDate: <date>\r\nConnection: Keep-Alive\r\n\r\n");
  await expectReusable(client);
});

test("HTTP/1.0 needs no Host [C52]", async (t) => {
  const client = await (await setStage(t)).connect();
  client.write(get10("/now/fine"));
  assert.equal((await client.readResponse()).text, "fine");
  assert.equal(await client.expectEnd(), "fin");
});

test("an upgrade over HTTP/1.0 is refused, and no handler sees it [C52]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  client.write(handshakeRequest({ httpVersion: "1.0" }));
  const response = await client.readResponse();
  assert.equal(response.status, 400);
  assert.equal(response.header("connection"), "close");
  await client.expectEnd();
  assert.deepEqual(stage.paths(), []);
});

test("HEAD over HTTP/1.0 with keep-alive has no body and keeps the connection [C45, C49]", async (t) => {
  const request = "HEAD /parked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const { client, channel } = await parkOne(await setStage(t), "/parked", request);
  channel.send({ headers, body: "hello" }, { close: false });
  await expectWire(
    client,
    "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n",
  );
  await expectReusable(client);
});
