import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { MemoryChannelStore, remoteAddress, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, credentialsOf, post, SessionWebSocket } from "../session-server/session-client.ts";
import { setSessions } from "../session-server/set-sessions.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const script = "<script>alert(1)</script>";

/** What a server says to a request by itself, all of it. */
async function readAll(port: number, request: string | Uint8Array): Promise<RawClient> {
  const client = await connectRaw(port);
  client.write(request);
  await client.readHead();
  client.end();
  await client.waitForEnd().catch(() => client.destroy());
  return client;
}

describe("S28 what the server says by itself", () => {
  it("S28 repeats nothing of a request, and is of no type that a browser runs", async (t) => {
    const { port } = await setSessions(t, {}, { allowedHosts: ["localhost"] });
    const poll = post([attachRecord(1, { mode: "poll" })]).toString("latin1");
    const encoded = encodeURIComponent(script);
    const requests = [
      `GET /${encoded}?callback=${encoded}&c=${encoded} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET /${script} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `${script} / HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: ${script}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: evil.example\r\nReferer: ${script}\r\n\r\n`,
      poll.replace("\r\n", `\r\nOrigin: http://${script}\r\n`),
      poll.replace("\r\n", `\r\nchannelkit-session: ${script}.${script}\r\n`),
      poll.replace("channelkit-protocol: 1", `channelkit-protocol: ${script}`),
      poll.replace("application/octet-stream", script),
      poll.replace("\r\n", `\r\nContent-Encoding: ${script}\r\n`),
      post([{ type: "attach", attach: 1, received: 0, key: script }]),
      post([{ type: script as "ping" }]),
      post([script]),
      handshakeRequest({ headers: { "Sec-WebSocket-Key": script } }),
      handshakeRequest({ headers: { "Sec-WebSocket-Version": script } }),
      handshakeRequest({ headers: { Origin: script } }),
      `OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: ${script}\r\n` +
        `Access-Control-Request-Headers: channelkit-protocol,${script}\r\n\r\n`,
    ];
    for (const request of requests) {
      const { received } = await readAll(port, request);
      const text = received.toString("latin1");
      assert.doesNotMatch(text, /script/i, text);
      assert.match(text, /\r\ncontent-type: (?:text\/plain|application\/octet-stream)/i, text);
    }
    const sessionAnswer = await readAll(port, poll);
    assert.match(sessionAnswer.received.toString("latin1"), /\r\nx-content-type-options: nosniff\r\n/i);
  });

  it("S28 repeats nothing over a WebSocket either: its Close tells the rule that was broken", async (t) => {
    const { port } = await setSessions(t);
    for (const record of [
      { type: script },
      { ...attachRecord(1), key: script },
      { ...attachRecord(1), mode: script },
    ]) {
      const { socket } = await SessionWebSocket.open(port);
      socket.sendBinary("");
      socket.sendText(JSON.stringify(record));
      await socket.waitForEnd().catch(() => undefined);
      assert.ok(!socket.client.received.includes("script>"));
    }
  });
});

describe("S29 names that are those of JavaScript itself", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];

  it("S29 are names like others: for groups, users, header fields and queries, and nothing is polluted by them", async (t) => {
    const store = new MemoryChannelStore();
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        for (const name of new URL(request.url).searchParams.keys()) store.add(name, channel);
      }),
    );
    for (const name of names) assert.equal(store.size(name), 0);
    const socket = await openWebSocket(port, `/?${names.map((name) => `${name}=1`).join("&")}`);
    for (const name of names) {
      assert.equal(store.size(name), 1);
      store.broadcast(name, name);
      assert.equal(await socket.nextMessage(), name);
    }
    assert.deepEqual(store.groups().toSorted(), names.toSorted());
    const authorize = (request: Request): string => request.headers.get("constructor") ?? "";
    const set = await setSessions(t, { authorize });
    for (const user of names) {
      for (const transport of transports) {
        assert.ok((await attachBy(transport, set.port, { fields: { constructor: user } })).attached);
      }
      assert.equal(set.sessions.closeUser(user), transports.length);
      assert.equal(set.sessions.get(user), undefined);
    }
  });

  it("S29 in a record change nothing of the server, over any transport", async (t) => {
    const { port } = await setSessions(t);
    const polluting = '"__proto__":{"polluted":1,"mode":"poll"},"constructor":{"prototype":{"polluted":1}}';
    const pollutingRecord = (): string =>
      JSON.stringify(attachRecord(1, { mode: "stream" })).replace("{", `{${polluting},`);
    const { socket } = await SessionWebSocket.open(port);
    socket.sendBinary("");
    socket.sendText(pollutingRecord());
    await socket.nextFrame();
    const client = await connectRaw(port);
    const head = post([]).toString("latin1");
    const text = pollutingRecord();
    const body = `c${text.length}:${text}`;
    client.write(head.replace("Content-Length: 0", `Content-Length: ${body.length}`) + body);
    assert.equal((await client.readHead()).status, 200);
    const empty: Record<string, unknown> = {};
    assert.deepEqual([empty["polluted"], empty["mode"]], [undefined, undefined]);
    for (const transport of transports) assert.ok((await attachBy(transport, port)).attached);
  });
});

describe("S30 what a client can get into a log", () => {
  it("S30 is one short line for each fault, of printable characters, with nothing that it sent", async (t) => {
    const odd = "\u001b[2J forged\tline";
    const { port, errors } = await setSessions(t, {}, { trustProxy: 1 });
    const long = "y".repeat(6000);
    const poll = post([attachRecord(1, { mode: "poll" })]).toString("latin1");
    for (const value of [long, "forged: 1 %0d%0a \\r\\n", "\u00ff\u0085forged"]) {
      const fields = `User-Agent: ${value}\r\nX-Forwarded-For: ${value}\r\nReferer: ${value}\r\n`;
      for (const request of [
        poll.replace("\r\n", `\r\n${fields}Origin: http://evil.example\r\n`),
        poll.replace("\r\n", `\r\n${fields}`).replace("octet-stream", "nonsense"),
        poll.replace("\r\n", `\r\n${fields}`).replace('"attach"', '"forged"'),
        `GET / HTTP/1.1\r\nHost: localhost\r\n${fields}Host: b\r\n\r\n`,
        handshakeRequest({ headers: { "X-Forwarded-For": value, "Sec-WebSocket-Key": "forged" } }),
      ]) {
        await readAll(port, Buffer.from(request, "latin1"));
      }
    }
    await readAll(port, `GET /${odd} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const bytes = [
      frames.close(1000, Buffer.from([0xff])),
      frames.text(Buffer.from([0xff])),
      frames.frame({ opcode: 5 }),
    ];
    for (const bad of bytes) {
      const { socket } = await SessionWebSocket.open(port, { headers: { "X-Forwarded-For": long } });
      socket.send(bad);
      await socket.nextFrame();
    }
    const { socket } = await SessionWebSocket.open(port);
    socket.sendBinary("");
    socket.sendText(JSON.stringify({ ...attachRecord(1), key: `${odd}${long}` }));
    await socket.nextFrame();
    assert.ok(errors.length > 10, `${errors.length}`);
    for (const { message } of errors) {
      assert.match(message, /^[\x20-\x7e]{1,300}$/);
      assert.doesNotMatch(message, /forged|yyy/);
    }
  });

  it("S30 is nothing by default: only faults of the application are written, whatever clients do", async (t) => {
    const written = t.mock.method(console, "error", () => undefined);
    const { port } = await setServer(t, () => new Response(), { onError: undefined } as object);
    for (const request of ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", handshakeRequest({ version: 1 })]) {
      await readAll(port, request);
    }
    assert.equal(written.mock.callCount(), 0);
  });
});

describe("S31 the address of a client", () => {
  const spoof = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https" };

  it("S31 is that of the socket by default, whatever it says: for what is counted, for its host, and for its scheme", async (t) => {
    const seen: string[] = [];
    const authorize = (request: Request): string => {
      seen.push(`${remoteAddress(request)} ${request.url}`);
      return "ada";
    };
    const { port } = await setSessions(t, { authorize, limits: { maxSessionsPerAddress: 3 } });
    for (const transport of transports) assert.ok((await attachBy(transport, port, { fields: spoof })).attached);
    for (const transport of transports) {
      const fields = { ...spoof, "X-Forwarded-For": "203.0.113.10" };
      assert.equal((await attachBy(transport, port, { fields })).code, 4006);
    }
    assert.deepEqual([...new Set(seen)], ["127.0.0.1 http://localhost/"]);
    const origin = { ...spoof, Origin: "https://evil.example" };
    for (const transport of transports) assert.equal((await attachBy(transport, port, { fields: origin })).status, 403);
  });

  it("S31 behind a proxy that is trusted is what that wrote: the last entry, and nothing that is no address", async (t) => {
    const seen: string[] = [];
    const { port } = await setServer(
      t,
      (request) => {
        seen.push(remoteAddress(request));
        return new Response();
      },
      { trustProxy: 1 },
    );
    for (const [value, address] of [
      ["203.0.113.9, 192.0.2.1", "192.0.2.1"],
      ["2001:db8::1", "2001:db8::1"],
      ["[2001:db8::1]:443", "[2001:db8::1]:443"],
      ["192.0.2.1:443", "192.0.2.1:443"],
      ["192.0.2.1, unknown", "127.0.0.1"],
      ["192.0.2.1, ", "127.0.0.1"],
      ["x".repeat(5000), "127.0.0.1"],
      ["192.0.2.1; DROP TABLE users", "127.0.0.1"],
      ["192.0.2.999", "127.0.0.1"],
    ]) {
      const client = await connectRaw(port);
      client.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${value}\r\n\r\n`);
      await client.readResponse();
      assert.equal(seen.pop(), address, value?.slice(0, 40));
    }
    const set = await setSessions(t, { limits: { maxSessionsPerAddress: 1 } }, { trustProxy: 1 });
    const { attached } = await attachBy("poll", set.port, { fields: { "X-Forwarded-For": "198.51.100.1, 192.0.2.1" } });
    assert.ok(attached && credentialsOf(attached));
    const again = await attachBy("poll", set.port, { fields: { "X-Forwarded-For": "198.51.100.2, 192.0.2.1" } });
    assert.equal(again.code, 4006);
  });
});
