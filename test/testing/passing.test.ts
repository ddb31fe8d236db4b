import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { afterEach, describe, it } from "node:test";
import { eventually, within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { channelOf, details, get, post, startSite, stopSites } from "./setup.ts";

afterEach(stopSites);

describe("a fault proxy without faults", () => {
  it("passes requests, pipelined ones too, and their answers in order", async () => {
    const site = await startSite();
    const chunked =
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n";
    const head = "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n";
    const client = await site.send(get("/a") + post("body", "/b") + chunked + head + get("/d"));
    assert.equal((await client.readResponse()).text, "GET /a ");
    assert.equal((await client.readResponse()).text, "POST /b body");
    assert.equal((await client.readResponse()).text, "POST /c abc");
    await client.readUntil("\r\n\r\n");
    assert.equal((await client.readResponse()).text, "GET /d ");
    assert.deepEqual(details(site, "request"), [
      "GET /a HTTP/1.1",
      "POST /b HTTP/1.1",
      "POST /c HTTP/1.1",
      "HEAD /h HTTP/1.1",
      "GET /d HTTP/1.1",
    ]);
    assert.equal(details(site, "response").length, 5);
  });

  it("finds the same requests however they are cut into segments", async () => {
    const site = await startSite();
    const client = await site.connect();
    await client.writeByteByByte(`${post("one")}\r\n${post("two")}`);
    assert.equal((await client.readResponse()).text, "POST / one");
    assert.equal((await client.readResponse()).text, "POST / two");
    assert.equal(details(site, "request").length, 2);
    assert.deepEqual(details(site, "unreadable"), []);
  });

  it("passes a stream as it comes, and a WebSocket both ways", async () => {
    const site = await startSite();
    const stream = await site.send(get("/stream"));
    await stream.readHead();
    assert.equal((await stream.readChunk()).toString(), "first");
    (await channelOf(site)).send("second", { close: false });
    assert.equal((await stream.readChunk()).toString(), "second");
    const { socket, log } = site.openWebSocket();
    await log.waitFor("open");
    socket.send("there and back");
    assert.deepEqual((await log.waitFor("message")).args, ["there and back"]);
    socket.close(1000);
    assert.deepEqual((await log.waitFor("close")).args, [1000]);
  });

  it("passes interim responses, which answer no request", async () => {
    const site = await startSite();
    const client = await site.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert.equal((await client.readResponse()).status, 100);
    client.write(`body${get("/next")}`);
    assert.equal((await client.readResponse()).text, "POST / body");
    assert.equal((await client.readResponse()).text, "GET /next ");
    const answered = site.proxy.events.filter(({ what }) => what === "response").map(({ request }) => request);
    assert.deepEqual(answered, [1, 2]);
  });

  it("passes what is no HTTP as it is, so that the server can say so", async () => {
    const site = await startSite();
    for (const bytes of [
      "nonsense\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ]) {
      const client = await site.send(bytes);
      assert.equal((await client.readResponse()).status, 400, bytes);
    }
    assert.equal(details(site, "unreadable").length, 3);
  });

  it("passes FIN and reset as such, both ways", async () => {
    const site = await startSite();
    const leaving = await site.send(get("/poll"));
    await channelOf(site);
    leaving.reset();
    await site.log.waitFor("close");
    const ending = await site.send(get("/poll"));
    await channelOf(site, 2);
    ending.end();
    await site.log.waitFor("close", { count: 2 });
    assert.equal(await ending.waitForEnd(), "fin");
    const refused = await site.send("nonsense\r\n\r\n");
    await refused.readResponse();
    assert.equal(await refused.waitForEnd(), "fin");
    refused.destroy();
    await eventually(() => assert.equal(site.proxy.connections, 0));
  });

  it("lets a slow reader hold back its server", async () => {
    const site = await startSite();
    const client = await site.send(get("/stream"));
    await client.readHead();
    const channel = await channelOf(site);
    client.pause();
    const lump = randomBytes(256 * 1024).toString("latin1");
    // Well above what the proxy and the kernel hold on both ways.
    for (let sentBytes = 0; channel.isOpen && sentBytes < 64 * 2 ** 20; sentBytes += lump.length) {
      channel.send(lump, { close: false });
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual((await site.log.waitFor("close")).args, ["overflow"]);
  });

  it("tells of a server that is not there, and resets the client", async () => {
    const site = await startSite();
    await site.server.stop({ timeoutMs: 0 });
    const client = await site.connect();
    assert.equal(await client.waitForEnd(), "reset");
    assert.match(details(site, "error")[0] ?? "", /ECONNREFUSED/);
  });

  it("resets a connection above its limit, and an event says so", async () => {
    const site = await startSite({ maxConnections: 1 });
    const first = await site.send(get());
    await first.readResponse();
    const second = await connectRaw(site.proxy.port).catch(() => undefined);
    assert.equal(await (second?.expectEnd() ?? "reset"), "reset");
    assert.deepEqual(details(site, "limit"), ["more than 1 connections: it is reset"]);
    first.write(get("/again"));
    assert.equal((await first.readResponse()).text, "GET /again ");
  });

  it("closes with all its connections, once", async () => {
    const site = await startSite();
    const client = await site.send(get("/poll"));
    await channelOf(site);
    assert.equal(site.proxy.connections, 1);
    await within(1000, Promise.all([site.proxy.close(), site.proxy[Symbol.asyncDispose]()]), "close");
    assert.equal(site.proxy.connections, 0);
    assert.equal(await client.waitForEnd(), "reset");
    await site.log.waitFor("close");
    await assert.rejects(site.connect());
  });
});
