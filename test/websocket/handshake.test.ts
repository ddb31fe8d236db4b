import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type ChannelError, type Server, serve, withChannel } from "../../src/index.ts";
import { text } from "../support/frames.ts";
import { acceptValue, handshakeRequest, type HandshakeOptions, sampleKey } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { openWebSocket } from "../support/websocket-client.ts";

type Case = readonly [what: string, request: HandshakeOptions];

const accepted: readonly Case[] = [
  ["as browsers send it", {}],
  ["with names and tokens in any case", { headers: { Upgrade: "WebSocket", Connection: "UPGRADE" } }],
  ["with upgrade among other tokens of Connection", { headers: { Connection: "keep-alive, Upgrade" } }],
  ["with upgrade in a second Connection field", { headers: { Connection: ["keep-alive", "Upgrade"] } }],
  ["with websocket among other tokens of Upgrade", { headers: { Upgrade: "h2c, websocket" } }],
  ["with websocket in a second Upgrade field", { headers: { Upgrade: ["h2c", "websocket"] } }],
  ["with a Content-Length of 0", { headers: { "Content-Length": "0" } }],
  ...["A", "Q", "g", "w"].map(
    (last) => [`with a key that ends in ${last}`, { key: `${"A".repeat(21)}${last}==` }] as const,
  ),
];

const badKeys: readonly Case[] = [
  ["without a key", { headers: { "Sec-WebSocket-Key": null } }],
  ["with an empty key", { key: "" }],
  ["with a key of 15 bytes", { key: Buffer.alloc(15).toString("base64") }],
  ["with a key of 17 bytes", { key: Buffer.alloc(17).toString("base64") }],
  ["with a key without padding", { key: sampleKey.slice(0, -2) }],
  ["with a key in base64url", { key: "______________________==" }],
  ["with a key whose last bits are not zero", { key: "dGhlIHNhbXBsZSBub25jZR==" }],
  ["with a key with a space in it", { key: "dGhlIHNhbXBs ZSBub25jZQ==" }],
  ["with two keys", { headers: { "Sec-WebSocket-Key": [sampleKey, sampleKey] } }],
];

const refusedWith400: readonly Case[] = [
  ...badKeys,
  ["over HTTP/1.0", { httpVersion: "1.0" }],
  ["without a Connection field", { headers: { Connection: null } }],
  ["with a Connection field that lacks upgrade", { headers: { Connection: "keep-alive" } }],
  ["with a Connection field that only resembles upgrade", { headers: { Connection: "upgraded" } }],
  ["with a body", { headers: { "Content-Length": "3" } }],
  ["with a chunked body", { headers: { "Transfer-Encoding": "chunked" } }],
  ["with two Host fields", { headers: { Host: ["localhost", "localhost"] } }],
  ["without a Host field", { headers: { Host: null } }],
];

const refusedWith426: readonly Case[] = [
  ["without a version", { headers: { "Sec-WebSocket-Version": null } }],
  ...[0, 7, 8, 12, 14, 130].map((version) => [`of version ${version}`, { version }] as const),
  ["of version 13 written otherwise", { version: "013" }],
  ["with two versions", { headers: { "Sec-WebSocket-Version": ["13", "8"] } }],
];

describe("a handshake", () => {
  let server: Server;
  const log = new Recorder();
  let faults: ChannelError[] = [];
  before(async () => {
    server = await serve(
      (request) => {
        const { pathname } = new URL(request.url);
        log.record(pathname);
        return withChannel(request, (channel) => {
          channel.onReceive((message) => void channel.send(message));
          channel.onClose(() => log.record(pathname));
          if (!channel.isWebSocket) channel.send("plain");
        });
      },
      { port: 0, onError: (error) => faults.push(error) },
    );
  });
  after(() => server.stop({ timeoutMs: 0 }));
  afterEach(() => {
    destroyOpenClients();
    log.entries.length = 0;
    faults = [];
  });

  /** At a path of its own, since a channel of the test before may still close. */
  async function send(options: HandshakeOptions): Promise<RawClient> {
    const client = await connectRaw(server.port);
    client.write(handshakeRequest({ path: "/sent", ...options }));
    return client;
  }

  for (const [what, request] of accepted) {
    it(`${what} is accepted [C93]`, async () => {
      const socket = await openWebSocket(server.port, "/", request);
      socket.sendText("hello");
      assert.equal(await socket.nextMessage(), "hello");
    });
  }

  for (const status of [400, 426]) {
    for (const [what, request] of status === 400 ? refusedWith400 : refusedWith426) {
      it(`${what} is refused with ${status}, and no handler sees it [C93, C95, C97, C101]`, async () => {
        const client = await send(request);
        client.write(text("behind"));
        const response = await client.readResponse();
        assert.equal(response.status, status);
        assert.equal(response.header("connection")?.toLowerCase(), "close");
        assert.equal(response.header("content-type"), "text/plain; charset=utf-8");
        assert.equal(response.header("sec-websocket-version"), status === 426 ? "13" : undefined);
        assert.equal(response.header("upgrade"), status === 426 ? "websocket" : undefined);
        assert.equal(response.header("sec-websocket-accept"), undefined);
        await client.expectEnd();
        assert.deepEqual(log.of("/sent"), []);
        assert.deepEqual(
          faults.map(({ code }) => code),
          ["PEER_FAULT"],
        );
      });
    }
  }

  for (const method of ["POST", "PUT", "OPTIONS", "DELETE"]) {
    it(`with ${method} is refused with 405, and no handler sees it [C95]`, async () => {
      const client = await send({ method });
      const response = await client.readResponse();
      assert.equal(response.status, 405);
      assert.equal(response.header("allow"), "GET");
      assert.equal(response.header("connection")?.toLowerCase(), "close");
      await client.expectEnd();
      assert.deepEqual(log.of("/sent"), []);
    });
  }

  it("with HEAD is refused with 405 without a body [C95]", async () => {
    const client = await send({ method: "HEAD" });
    assert.equal((await client.readResponse({ head: true })).status, 405);
    await client.expectEnd();
  });

  it("is refused the same way 200 times: never an open, never a close, never another status [C97]", async () => {
    for (let times = 0; times < 200; times++) {
      const client = await send({ key: "bad" });
      assert.equal((await client.readResponse()).status, 400);
      await client.expectEnd();
      client.destroy();
    }
    assert.deepEqual(log.of("/sent"), []);
  });

  it("is answered with the accept value of RFC 6455, and no extension and no subprotocol unasked [C94]", async () => {
    const client = await send({ protocols: ["a", "b"], extensions: "permessage-deflate" });
    const head = await client.readHead();
    assert.equal(head.statusLine, "HTTP/1.1 101 Switching Protocols");
    assert.equal(acceptValue(sampleKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(head.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(head.header("upgrade"), "websocket");
    assert.equal(head.header("connection"), "Upgrade");
    assert.equal(head.header("sec-websocket-extensions"), undefined);
    assert.equal(head.header("sec-websocket-protocol"), undefined);
    assert.equal(head.header("content-length"), undefined);
    assert.equal(head.header("transfer-encoding"), undefined);
    await client.expectNothing(50);
  });

  it("with Connection: close, Upgrade is accepted, and the connection stays [C102]", async () => {
    const socket = await openWebSocket(server.port, "/", { headers: { Connection: "close, Upgrade" } });
    socket.sendText("still here");
    assert.equal(await socket.nextMessage(), "still here");
    await socket.expectNothing(50);
  });

  it("for h2c is none: the request is served as the plain request that it also is [C96]", async () => {
    const client = await send({ headers: { Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings" } });
    const response = await client.readResponse();
    assert.equal(response.status, 200);
    assert.equal(response.text, "plain");
    client.write(handshakeRequest());
    assert.equal((await client.readHead()).status, 101, "and the connection can be used on");
  });

  it("behind a plain request of the same connection is accepted after its answer [C53, C93]", async () => {
    const client = await connectRaw(server.port);
    client.write(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${handshakeRequest()}`);
    client.write(text("early"));
    assert.equal((await client.readResponse()).text, "plain");
    assert.equal((await client.readHead()).status, 101);
    assert.equal((await client.readBytes(7)).subarray(2).toString(), "early");
  });

  it("that is refused behind a plain request is refused after its answer [C53, C95]", async () => {
    const client = await connectRaw(server.port);
    client.write(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${handshakeRequest({ version: 8 })}`);
    assert.equal((await client.readResponse()).text, "plain");
    assert.equal((await client.readResponse()).status, 426);
    await client.expectEnd();
  });
});
