import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type Channel, createSessions, isChannelError, MemoryChannelStore, withChannel } from "../../src/index.ts";
import { requestCases } from "../server/request-cases.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, credentialsOf, post, SessionRequester } from "../session-server/session-client.ts";
import { setSessions } from "../session-server/set-sessions.ts";
import { eventually } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const behind = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n";

describe("S22 a request that two parties could read differently", () => {
  it("S22 gets one answer, which refuses it, and nothing behind it is a request", async (t) => {
    const paths: string[] = [];
    const { port } = await setServer(t, (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response();
    });
    const refused = requestCases.filter(({ outcome }) => "refused" in outcome);
    assert.ok(refused.length > 60);
    for (const { what, bytes } of refused) {
      const client = await connectRaw(port);
      client.write(bytes + behind);
      const response = await client.readResponse();
      assert.ok(response.status >= 400, what);
      assert.equal(response.header("connection"), "close", what);
      await client.expectEnd();
    }
    assert.deepEqual(paths, []);
  });

  it("S22 is not smuggled in as the body of an upgrade, nor behind one that was refused", async (t) => {
    const paths: string[] = [];
    const { port } = await setServer(t, (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("no", { status: 401 });
    });
    for (const [request, status] of [
      [handshakeRequest({ method: "POST", headers: { "Content-Length": String(behind.length) } }), 405],
      [handshakeRequest({ headers: { "Content-Length": String(behind.length) } }), 400],
      [handshakeRequest({ headers: { "Transfer-Encoding": "chunked" } }), 400],
      [handshakeRequest({ version: 8 }), 426],
      [handshakeRequest({ path: "/refused" }), 401],
    ] as const) {
      const client = await connectRaw(port);
      client.write(request + behind);
      assert.equal((await client.readResponse()).status, status);
      await client.expectEnd();
    }
    assert.deepEqual(paths, ["/refused"]);
  });
});

describe("S23 what an application puts into a head", () => {
  const forged = "x\r\nX-Forged: 1";

  for (const [what, head] of Object.entries({
    "a value with CRLF": { headers: { "X-Own": forged } },
    "a value with LF": { headers: { "X-Own": "x\nX-Forged: 1" } },
    "a value with CR": { headers: { "X-Own": "x\rX-Forged: 1" } },
    "a value with NUL": { headers: { "X-Own": "x\0" } },
    "a name with CRLF": { headers: { [`X-Own: ${forged}`]: "x" } },
    "a name with a space": { headers: { "X Own": "x" } },
    "an empty name": { headers: { "": "x" } },
  })) {
    it(`S23 makes no line of its own: ${what} throws, the peer gets 500, and nobody else notices`, async (t) => {
      const thrown: unknown[] = [];
      const noting = (use: () => void): void => {
        try {
          use();
        } catch (error) {
          thrown.push(error);
          throw error;
        }
      };
      const sessions = createSessions();
      const { port } = await setServer(t, (request) => {
        if (sessions.accepts(request)) return sessions.accept(request, () => undefined, head);
        if (request.headers.has("upgrade")) return withChannel(request, () => undefined, head);
        const close = request.url.endsWith("/poll");
        return withChannel(request, (channel) => noting(() => channel.send({ ...head, body: "x" }, { close })));
      });
      for (const request of [
        get,
        get.replace(" / ", " /poll "),
        handshakeRequest(),
        handshakeRequest({ protocols: ["channelkit.1"] }),
      ]) {
        const client = await connectRaw(port);
        client.write(request);
        assert.equal((await client.readResponse()).status, 500);
        assert.doesNotMatch(client.received.toString("latin1"), /X-Forged/);
      }
      assert.equal(thrown.length, 2);
      assert.ok(thrown.every((error) => isChannelError(error) && error.code === "INVALID_ARGUMENT"));
    });
  }

  it("S23 does not frame it: lengths, codings and what belongs to a handshake are the server's", async (t) => {
    const framing = {
      "Content-Length": "1",
      "Transfer-Encoding": "identity",
      Trailer: "X-Late",
      Connection: "keep-alive, X-Own",
    };
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => channel.send({ headers: framing, body: "whole" })),
    );
    const client = await connectRaw(port);
    client.write(get);
    const response = await client.readResponse();
    assert.deepEqual([response.header("content-length"), response.text], ["5", "whole"]);
    for (const name of ["transfer-encoding", "trailer", "connection"]) {
      assert.equal(response.header(name), undefined, name);
    }
    for (const name of ["Connection", "Upgrade", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions"]) {
      const sessions = createSessions();
      const options = { headers: { [name]: "forged" } };
      const set = await setServer(t, (request) =>
        sessions.accepts(request)
          ? sessions.accept(request, () => undefined, options)
          : withChannel(request, () => undefined, options),
      );
      for (const protocols of [[], ["channelkit.1"]]) {
        const socket = await connectRaw(set.port);
        socket.write(handshakeRequest(protocols.length === 0 ? {} : { protocols }));
        assert.equal((await socket.readResponse()).status, 500);
        assert.doesNotMatch(socket.received.toString("latin1"), /forged/);
      }
      assert.match(String(set.errors[0]?.cause), /headers must be without fields of the handshake/);
    }
  });

  it("S23 is a whole status, too: one that is no number, or an interim one, throws", async (t) => {
    const { port, errors } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        for (const status of ["200 OK\r\nX-Forged: 1", 101, 100, 1000, 200.5, NaN, null]) {
          assert.throws(() => channel.send({ status: status as number, body: "x" }), { code: "INVALID_ARGUMENT" });
        }
        channel.send("fine");
      }),
    );
    const client = await connectRaw(port);
    client.write(get);
    assert.equal((await client.readResponse()).text, "fine");
    assert.deepEqual(errors, []);
  });
});

describe("S24 a fault", () => {
  it("S24 of a handler ends no process and no other connection, whichever handler it is and whatever carries it", async (t) => {
    const fail = (): never => {
      throw new Error("on purpose");
    };
    const store = new MemoryChannelStore();
    for (const kind of ["throws", "rejects"] as const) {
      const broken = kind === "throws" ? fail : () => Promise.reject(new Error("on purpose"));
      const sessions = createSessions();
      const plain: Channel[] = [];
      const { port, errors } = await setServer(t, (request) => {
        if (request.url.endsWith("/request")) return broken();
        const set = (channel: Pick<Channel, "onReceive" | "onClose">): void => {
          channel.onReceive(broken);
          channel.onClose(broken);
        };
        if (!sessions.accepts(request)) {
          return withChannel(request, (channel) => {
            plain.push(channel);
            set(channel);
            channel.onPing(broken);
            store.add("all", channel);
          });
        }
        return sessions.accept(request, (channel) => {
          channel.onPresence(broken);
          set(channel);
          if (request.headers.has("x-use")) fail();
        });
      });
      const one = await connectRaw(port);
      one.write(get.replace(" / ", " /request "));
      assert.equal((await one.readResponse()).status, 500);
      const socket = await openWebSocket(port);
      socket.send(frames.ping(), frames.text("one"), frames.text("two"));
      await socket.nextFrame();
      const poll = await connectRaw(port);
      poll.write(get);
      for (const transport of transports) {
        await attachBy(transport, port, { fields: { "X-Use": "fails" } });
        const { client, socket: carrier } = await attachBy(transport, port);
        carrier?.send("hello");
        client.reset();
      }
      store.broadcast("all", fail);
      socket.sendClose(1000);
      await socket.waitForEnd();
      await expectServed(port, plain);
      const names = ["request", "use", "onReceive", "onPing", "onPresence", "broadcast", "onClose"];
      await eventually(() => {
        const handlers = new Set(errors.map(({ details }) => ("handler" in details ? details.handler : "")));
        assert.deepEqual([...handlers].toSorted(), names.toSorted(), kind);
      });
    }
  });

  it("S24 of the network is nobody's: connections are cut at every point of what they carry, and the server goes on", async (t) => {
    const { port, sessions } = await setSessions(t);
    const whole = [
      Buffer.concat([
        Buffer.from(handshakeRequest({ protocols: ["channelkit.1"] })),
        frames.binary(""),
        frames.text(JSON.stringify(attachRecord(1))),
        frames.text("hello"),
      ]),
      post([attachRecord(1, { mode: "stream" })]),
      post([attachRecord(1, { mode: "poll" })]),
    ];
    for (const bytes of whole) {
      for (let at = 1; at <= bytes.length; at += 7) {
        const client = await connectRaw(port);
        client.write(bytes.subarray(0, at));
        await new Promise(setImmediate);
        client.reset();
        await client.closed;
      }
    }
    for (const transport of transports) assert.ok((await attachBy(transport, port)).attached);
    assert.ok(sessions.size >= transports.length);
  });
});

async function expectServed(port: number, channels: readonly Channel[]): Promise<void> {
  const before = channels.length;
  const client = await openWebSocket(port);
  assert.equal(channels.length, before + 1);
  channels.at(-1)?.send("alive");
  assert.equal(await client.nextMessage(), "alive");
}

describe("S25 a frame", () => {
  const wrong: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
    ["that is not masked", frames.text("x", { mask: false }), 1002],
    ["with RSV1", frames.text("x", { rsv: 4 }), 1002],
    ["with RSV2", frames.text("x", { rsv: 2 }), 1002],
    ["with RSV3", frames.text("x", { rsv: 1 }), 1002],
    ["of a reserved opcode for data", frames.frame({ opcode: 3 }), 1002],
    ["of a reserved opcode for control", frames.frame({ opcode: 11 }), 1002],
    ["that continues nothing", frames.continuation("x"), 1002],
    ["that begins inside another message", Buffer.concat([frames.text("x", { fin: false }), frames.text("y")]), 1002],
    ["of a ping in fragments", frames.ping("x", { fin: false }), 1002],
    ["of a ping of 126 bytes", frames.ping(Buffer.alloc(126)), 1002],
    ["of text that is no UTF-8", frames.text(Buffer.of(0xc3, 0x28)), 1007],
    ["of a Close of one byte", frames.frame({ opcode: 8, payload: Buffer.of(3) }), 1002],
    ["of a Close with 1005", frames.close(1005), 1002],
    ["of a Close with 999", frames.close(999), 1002],
    ["of a Close whose reason is no UTF-8", frames.close(1000, Buffer.of(0xff)), 1007],
  ];

  for (const [what, bytes, code] of wrong) {
    it(`S25 ${what} ends a channel and what carries a session in Close ${code}`, async (t) => {
      const messages: unknown[] = [];
      const { port } = await setServer(t, (request) =>
        withChannel(request, (channel) => channel.onReceive((message) => void messages.push(message))),
      );
      const socket = await openWebSocket(port);
      socket.send(bytes, frames.text("behind"));
      await socket.expectCloseAndEnd(code);
      assert.deepEqual(messages, []);
      const session = await setSessions(t);
      const { socket: carrier } = await attachBy("websocket", session.port);
      assert.ok(carrier);
      carrier.socket.send(bytes, frames.text("behind"));
      const frame = await carrier.socket.nextFrame();
      assert.equal(frame.opcode, frames.opcodes.close);
      assert.equal(frames.parseClosePayload(frame.payload).code, code);
      assert.deepEqual(session.log.of("message"), []);
    });
  }
});

describe("S26 what an application gives", () => {
  it("S26 is text, bytes or a head, and a Close is a code and a short text: anything else throws, and no byte of memory gets out", async (t) => {
    const odd: unknown[] = [100_000, true, Symbol("x"), () => "x", NaN, 10n, new Date()];
    const { port } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        for (const data of odd) {
          assert.throws(() => channel.send(data as string), { code: "INVALID_ARGUMENT" }, String(data));
        }
        for (const code of ["1000", 999, 1005, 1006, 1015, 5000, 1000.5, NaN, null, {}]) {
          assert.throws(() => channel.close(code as number), { code: "INVALID_ARGUMENT" }, JSON.stringify(code));
        }
        for (const reason of [100, Buffer.alloc(10), new Uint16Array(4), {}, "x".repeat(124), "ü".repeat(62)]) {
          assert.throws(() => channel.close(1000, reason as string), { code: "INVALID_ARGUMENT" });
        }
        assert.equal(channel.isOpen, true);
        // A view of part of a larger buffer: neither less nor more of it.
        channel.send(new Uint8Array(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer, 2, 3));
        channel.close(1000, "x".repeat(123));
      }),
    );
    const socket = await openWebSocket(port);
    assert.deepEqual(await socket.nextMessage(), Buffer.of(3, 4, 5));
    await socket.expectClose(1000, { reason: "x".repeat(123) });
    const sessions = createSessions();
    const thrown: unknown[] = [];
    const second = await setServer(t, (request) =>
      sessions.accept(request, (channel) => {
        for (const data of [...odd, {}, []]) {
          try {
            channel.send(data as string);
          } catch (error) {
            thrown.push(error);
          }
        }
        channel.close(4100, "done");
      }),
    );
    for (const transport of transports) {
      const { attached, client } = await attachBy(transport, second.port);
      assert.ok(attached);
      if (transport === "poll") {
        const http = await SessionRequester.connect(second.port);
        const poll = { type: "poll", attach: 1, poll: 1, received: 0 } as const;
        await http.ask([poll], { credentials: credentialsOf(attached) });
      } else await client.readUntil("done");
    }
    assert.ok(thrown.length >= 3 * odd.length);
    assert.ok(thrown.every((error) => isChannelError(error) && error.code === "INVALID_ARGUMENT"));
  });
});

describe("S27 the key of a handshake", () => {
  for (const key of [
    "",
    "x",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZR==",
    "dGhlIHNhbXBsZSBub25jZQ==x",
    "dGhlIHNhbXBsZSBub25j",
    "dGhlIHNhbXBsZSBub25jZXh4",
    "!!!!!!!!!!!!!!!!!!!!!!==",
    null,
    ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
  ] as const) {
    it(`S27 is 16 bytes in base64, which ${JSON.stringify(key)} is not: 400, for a session, too`, async (t) => {
      let handled = 0;
      const { port } = await setServer(t, () => {
        handled += 1;
        return new Response();
      });
      for (const protocols of [undefined, ["channelkit.1"]]) {
        const client = await connectRaw(port);
        const headers = { "Sec-WebSocket-Key": key };
        client.write(handshakeRequest(protocols === undefined ? { headers } : { headers, protocols }));
        assert.equal((await client.readResponse()).status, 400);
        await client.expectEnd();
      }
      assert.equal(handled, 0);
    });
  }
});
