import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Server, serve, withChannel } from "../../src/index.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

/** When one of these fails, something has become better: take it out of docs/deviations.md and turn its test round. */
describe("docs/deviations.md is right about", () => {
  let server: Server;
  const messages: unknown[] = [];

  beforeEach(async () => {
    messages.length = 0;
    const limits = { maxBodyBytes: 100, maxLineBytes: 200 };
    server = await serve(
      (request) => {
        if (request.headers.get("upgrade") === null) return new Response("taken");
        return withChannel(request, (channel) => channel.onReceive((message) => void messages.push(message)));
      },
      { port: 0, limits, onError: () => undefined },
    );
  });

  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  });

  const send = async (bytes: string): Promise<RawClient> => {
    const client = await connectRaw(server.port);
    client.write(bytes);
    return client;
  };
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const noMask = [0, 0, 0, 0];

  it("lengths that are not in their shortest form, which are accepted [C107]", async () => {
    for (const length of [
      [0xfe, 0, 2],
      [0xff, 0, 0, 0, 0, 0, 0, 0, 2],
    ]) {
      const socket = await openWebSocket(server.port);
      socket.send(Buffer.from([0x81, ...length, ...noMask, 0x68, 0x69]));
      socket.sendPing("heard");
      assert.equal((await socket.nextFrame()).payload.toString(), "heard");
      assert.deepEqual(messages.splice(0), ["hi"]);
    }
    const socket = await openWebSocket(server.port);
    socket.send(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 2, ...noMask, 0x68, 0x69]));
    await socket.expectClose(1009);
  });

  it("text that is no UTF-8, which is noticed when the message is complete [C109]", async () => {
    const socket = await openWebSocket(server.port);
    socket.sendText(Buffer.from([0xc3, 0x28]), { fin: false });
    await socket.client.expectNothing();
    socket.send(Buffer.from([0x80, 0x80, ...noMask]));
    await socket.expectClose(1007);
    assert.deepEqual(messages, []);
  });

  it("a chunk that is announced too long, which waits for its data [C145] [S9]", async () => {
    const client = await send(`${chunked}fffffffff\r\n`);
    await client.expectNothing();
    client.write("x".repeat(101));
    assert.equal((await client.readResponse()).status, 413);
  });

  it("long lines in and behind the body, which have bounds of their own [C143]", async () => {
    const long = "a".repeat(1000);
    for (const body of [`1\r\na\r\n0\r\nX-Long: ${long}\r\n\r\n`, `1;${long}\r\na\r\n0\r\n\r\n`]) {
      assert.equal((await (await send(chunked + body)).readResponse()).text, "taken");
    }
    const longer = "a".repeat(70_000);
    const trailer = await send(`${chunked}1\r\na\r\n0\r\nX-Long: ${longer}\r\n\r\n`);
    assert.equal((await trailer.readResponse()).status, 431);
    const extension = await send(`${chunked}1;${longer}\r\na\r\n0\r\n\r\n`);
    assert.equal((await extension.readResponse()).status, 400);
  });

  it("a request line over the limit of all header lines, which gets 431 [C143]", async () => {
    const client = await send(`GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await client.readResponse()).status, 431);
  });

  it("space in the request line, and lines before it, which are accepted [S18]", async () => {
    for (const line of ["GET  / HTTP/1.1", "GET /  HTTP/1.1", "\r\nGET / HTTP/1.1"]) {
      const client = await send(`${line}\r\nHost: a\r\n\r\n`);
      assert.equal((await client.readResponse()).text, "taken", JSON.stringify(line));
    }
  });

  it("a request built from the request of a handler, which takes its URL besides", async () => {
    let isCopied = false;
    const copying = await serve(
      async (request) => {
        assert.throws(() => new Request(request), TypeError);
        const copy = new Request(request.url, request);
        isCopied = copy.headers.get("x-a") === "b" && (await copy.text()) === "body";
        return new Response();
      },
      { port: 0 },
    );
    await fetch(copying.url, { method: "POST", headers: { "X-A": "b" }, body: "body" });
    await copying.stop({ timeoutMs: 0 });
    assert.equal(isCopied, true);
  });
});
