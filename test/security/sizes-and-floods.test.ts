import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { defaultLimits, defaultSessionLimits, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, credentialsOf, isControl, post, SessionRequester } from "../session-server/session-client.ts";
import { messagesOf, setSessions } from "../session-server/set-sessions.ts";
import { deflateMessage } from "../support/deflate.ts";
import { binary, continuation, parseClosePayload, ping, text } from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { collectGarbage, cpuTimeMs } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const mebibyte = 1024 * 1024;

/** A server that answers each message with its length, and a request with that of its body as it came. */
async function setCounter(t: Parameters<typeof setServer>[0], options: Parameters<typeof setServer>[2] = {}) {
  const log = new Recorder();
  const set = await setServer(
    t,
    async (request) => {
      if (request.headers.get("upgrade") === null) {
        log.record("request");
        return new Response(String((await request.arrayBuffer()).byteLength));
      }
      return withChannel(request, (channel) => {
        channel.onReceive((message) => channel.send(String(message.length)));
        channel.onClose((status, { code }) => log.record("close", status, code));
      });
    },
    options,
  );
  return { ...set, log };
}

function postOf(fields: string, body = ""): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`;
}

async function expectAlive(port: number): Promise<void> {
  const client = await connectRaw(port);
  client.write(postOf("Content-Length: 2", "ok"));
  assert.equal((await client.readResponse()).status, 200);
}

describe("S09 a message", () => {
  it("S09 over a WebSocket has at most 1 MiB, and is refused as soon as its frames announce more", async (t) => {
    assert.deepEqual([defaultLimits.maxMessageBytes, defaultLimits.maxBodyBytes], [mebibyte, mebibyte]);
    const { port } = await setCounter(t);
    const most = await openWebSocket(port);
    most.sendBinary(Buffer.alloc(mebibyte));
    assert.equal(await most.nextMessage(), String(mebibyte));
    for (const declaredLength of [BigInt(mebibyte + 1), 2n ** 32n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
      const socket = await openWebSocket(port);
      socket.send(binary("", { declaredLength }));
      await socket.expectCloseAndEnd(1009);
    }
    const parts = await openWebSocket(port);
    parts.send(binary(Buffer.alloc(mebibyte), { fin: false }), continuation("x"));
    await parts.expectCloseAndEnd(1009);
  });

  it("S09 in a POST has at most 1 MiB, by its announced length or by what has come: 413, and the connection ends", async (t) => {
    const { port, log } = await setCounter(t);
    const client = await connectRaw(port);
    client.write(postOf(`Content-Length: ${mebibyte}`, "x".repeat(mebibyte)));
    assert.equal((await client.readResponse()).text, String(mebibyte));
    for (const length of [mebibyte + 1, 2 ** 40]) {
      const announcing = await connectRaw(port);
      announcing.write(postOf(`Content-Length: ${length}`));
      assert.equal((await announcing.readResponse()).status, 413);
      announcing.end();
      await announcing.waitForEnd();
    }
    const chunked = await connectRaw(port);
    chunked.write(postOf("Transfer-Encoding: chunked"));
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    for (let count = 0; count < 17; count += 1) chunked.write(chunk);
    assert.equal((await chunked.readResponse()).status, 413);
    chunked.end();
    await chunked.waitForEnd();
    assert.equal(log.of("request").length, 1);
  });

  it("S09 of a session has a bound over every transport, and in a POST it is judged before it has come", async (t) => {
    const most = defaultSessionLimits.maxMessageBytes;
    assert.ok(most <= mebibyte);
    for (const transport of transports) {
      const { port, log } = await setSessions(t);
      const { attached, socket } = await attachBy(transport, port);
      assert.ok(attached);
      if (socket !== undefined) {
        socket.send("x".repeat(most));
        await log.waitFor("message");
        socket.send("x".repeat(most + 1));
      } else {
        const client = await connectRaw(port);
        const credentials = credentialsOf(attached);
        client.write(
          post([{ type: "send", attach: 1, first: 1, received: 0 }, "x".repeat(most)], {
            credentials,
          }),
        );
        assert.equal((await client.readResponse()).status, 200);
        const head = post([{ type: "send", attach: 1, first: 2, received: 0 }], { credentials }).toString("latin1");
        const length = Number(/Content-Length: (\d+)/.exec(head)?.[1]);
        client.write(head.replace(`Content-Length: ${length}`, `Content-Length: ${length + 11}`) + `t${most + 1}:xxx`);
        assert.equal((await client.readResponse()).status, 413);
      }
      assert.equal((await log.waitFor("close")).args[0], "message-too-big", transport);
    }
  });

  it("S09 that asks for a session has at most 16 KiB, over every transport", async (t) => {
    const { port, sessions } = await setSessions(t);
    // A field that nobody knows is no fault by itself.
    const record = { unknown: "x".repeat(15_000) } as object;
    for (const transport of transports) assert.ok((await attachBy(transport, port, { record })).attached);
    const larger = { unknown: "x".repeat(17_000) } as object;
    for (const transport of transports) {
      const { attached, code } = await attachBy(transport, port, { record: larger });
      assert.deepEqual([attached, code], [undefined, transport === "websocket" ? 4500 : 4005]);
    }
    assert.equal(sessions.size, 3);
  });
});

describe("S10 what inflates", () => {
  it("S10 is taken by no default: compression is offered in vain, and a compressed frame ends in Close 1002", async (t) => {
    const plain = await setCounter(t);
    const { port } = await setSessions(t);
    for (const [at, protocols] of [
      [plain.port, []],
      [port, ["channelkit.1"]],
    ] as const) {
      const offer = { extensions: "permessage-deflate; client_max_window_bits" };
      const socket = await openWebSocket(at, "/", protocols.length === 0 ? offer : { ...offer, protocols });
      assert.equal(socket.response.header("sec-websocket-extensions"), undefined);
      socket.sendBinary(deflateMessage(Buffer.alloc(1000)), { rsv: 4 });
      await socket.expectCloseAndEnd(1002);
    }
  });

  it("S10 stops where it is asked for: a message of zeros a thousandth of its size ends in Close 1009, and takes no memory", async (t) => {
    const { port } = await setCounter(t, { compression: true });
    const bomb = deflateMessage(Buffer.alloc(mebibyte));
    assert.ok(bomb.length < 2000);
    await collectGarbage();
    const before = process.resourceUsage().maxRSS;
    for (let count = 0; count < 100; count += 1) {
      const socket = await openWebSocket(port, "/", { extensions: "permessage-deflate" });
      socket.sendBinary(bomb, { rsv: 4 });
      await socket.expectCloseAndEnd(1009);
    }
    const grownKib = process.resourceUsage().maxRSS - before;
    assert.ok(grownKib < 64 * 1024, `${grownKib} KiB`);
  });

  it("S10 is not inflated in a body: a session refuses it, a handler gets it as it came", async (t) => {
    const zipped = gzipSync(Buffer.alloc(mebibyte));
    const { port } = await setCounter(t);
    const client = await connectRaw(port);
    client.write(postOf(`Content-Encoding: gzip\r\nContent-Length: ${zipped.length}`));
    client.write(zipped);
    assert.equal((await client.readResponse()).text, String(zipped.length));
    const sessions = await setSessions(t);
    const fields = { "Content-Encoding": "gzip" };
    for (const transport of ["stream", "poll"] as const) {
      assert.equal((await attachBy(transport, sessions.port, { fields })).status, 400);
    }
    assert.equal(sessions.sessions.size, 0);
  });
});

describe("S11 small pieces", () => {
  it("S11 are counted: a message has at most 1024 fragments, empty ones among them, else Close 1008", async (t) => {
    assert.equal(defaultLimits.maxFragments, 1024);
    const { port } = await setCounter(t);
    const sessions = await setSessions(t);
    const empty = Buffer.concat(Array.from({ length: 20_000 }, () => continuation("", { fin: false })));
    for (const [at, options] of [
      [port, {}],
      [sessions.port, { protocols: ["channelkit.1"] }],
    ] as const) {
      const socket = await openWebSocket(at, "/", options);
      socket.send(text("", { fin: false }), empty);
      await socket.expectClose(1008);
    }
    const most = await openWebSocket(port);
    const parts = Array.from({ length: 1022 }, () => continuation("x", { fin: false }));
    most.send(text("x", { fin: false }), ...parts, continuation("x"));
    assert.equal(await most.nextMessage(), "1024");
  });

  it("S11 of a frame are counted, too: one that comes in more than 16384 of them ends in Close 1008", async (t) => {
    assert.equal(defaultLimits.maxBufferedChunks, 16_384);
    const { port } = await setCounter(t, { limits: { maxBufferedChunks: 500 } });
    const socket = await openWebSocket(port);
    const refused = socket.expectClose(1008, { timeoutMs: 5000 });
    await socket.client.writeByteByByte(binary(Buffer.alloc(8000)).subarray(0, 2000));
    await refused;
    const other = await openWebSocket(port);
    // Up to 4 KiB they are put together.
    await other.client.writeByteByByte(binary(Buffer.alloc(1000)));
    assert.equal(await other.nextMessage(), "1000");
  });
});

describe("S12 pings", () => {
  for (const [what, protocols] of [
    ["a channel", undefined],
    ["a session", ["channelkit.1"]],
  ] as const) {
    it(`S12 whose answers nobody reads end the WebSocket of ${what} when 1 MiB of them waits`, async (t) => {
      const { port, log } = protocols === undefined ? await setCounter(t) : await setSessions(t);
      const socket = await openWebSocket(port, "/", protocols === undefined ? {} : { protocols });
      if (protocols !== undefined) {
        socket.sendBinary("");
        socket.sendText(JSON.stringify(attachRecord(1)));
        await socket.nextMessage();
      }
      socket.client.pause();
      const pings = Buffer.concat(Array.from({ length: 1000 }, () => ping(Buffer.alloc(125))));
      // Far more than the system takes for a socket that is not read.
      for (let count = 0; count < 120; count += 1) {
        if (!socket.client.socket.write(pings)) await once(socket.client.socket, "drain");
      }
      if (protocols === undefined) assert.deepEqual((await log.waitFor("close")).args, ["overflow", 1013]);
      socket.client.resume();
      let frame = await socket.nextFrame();
      while (frame.opcode !== 8) frame = await socket.nextFrame();
      assert.equal(parseClosePayload(frame.payload).code, protocols === undefined ? 1013 : 4003);
    });
  }
});

describe("S13 a batch", () => {
  it("S13 is read as far as 4096 records, however many there are: the client comes again with the rest", async (t) => {
    const { port, log } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const http = await SessionRequester.connect(port);
    const send = { type: "send", attach: 1, first: 1, received: 0 } as const;
    const empty = Array.from({ length: 20_000 }, () => "");
    const { records } = await http.ask([send, ...empty], { credentials: credentialsOf(attached) });
    const [ack] = records;
    assert.ok(isControl(ack) && ack.type === "ack" && ack.received <= 4096);
    assert.ok(messagesOf(log).length <= 4096);
  });

  it("S13 that is no batch is refused at its first bytes: a megabyte of line ends, lengths that cannot be", async (t) => {
    const { port } = await setSessions(t);
    const bodies = [
      "\n".repeat(1_000_000),
      "t-1:x",
      "t1e9:x",
      "t9999999999:x",
      "t01:x",
      "t0x1:x",
      'c2:{}t"1":x',
      "c0:".repeat(300_000),
    ];
    for (const body of bodies) {
      const { attached } = await attachBy("poll", port);
      assert.ok(attached);
      const client = await connectRaw(port);
      const head = post([], { credentials: credentialsOf(attached) }).toString("latin1");
      const begunMs = cpuTimeMs();
      client.write(head.replace("Content-Length: 0", `Content-Length: ${body.length}`) + body);
      const { status } = await client.readResponse();
      assert.ok(status === 400 || status === 413, `${status}: ${body.slice(0, 20)}`);
      assert.ok(cpuTimeMs() - begunMs < 2000);
    }
  });

  it("S13 has counts of the right sort, or is refused over every transport", async (t) => {
    const { port, sessions } = await setSessions(t);
    for (const transport of transports) {
      for (const count of [-1, 1.5, "1", 1e300, null, [], {}]) {
        const received = count as number;
        const { code } = await attachBy(transport, port, { record: { received } });
        assert.equal(code, 4500, `${transport}: ${JSON.stringify(count)}`);
      }
    }
    assert.equal(sessions.size, 0);
  });
});

describe("S14 header lines", () => {
  const endings = {
    "2500 of them": manyLines(2500),
    "101 of them": manyLines(101),
    "one of 16 KiB": `X: ${"x".repeat(16_000)}\r\n`,
    "64 KiB together": `X: ${"x".repeat(7000)}\r\n`.repeat(10),
  };
  for (const [what, lines] of Object.entries(endings)) {
    it(`S14 are too many or too long: ${what}, and every transport is refused before a handler`, async (t) => {
      let handled = 0;
      const { port } = await setServer(t, () => {
        handled += 1;
        return new Response();
      });
      for (const request of requests()) {
        const client = await connectRaw(port);
        client.write(request.replace("\r\n", `\r\n${lines}`));
        assert.match(String((await client.readResponse()).status), /^4(14|31)$/);
        await client.waitForEnd();
      }
      assert.equal(handled, 0);
    });
  }

  it("S14 as long as they may be are read in no time, whatever is in them", async (t) => {
    const { port } = await setCounter(t);
    const line = 8000;
    for (const headers of [
      { "Sec-WebSocket-Protocol": `a${" ".repeat(line)}b` },
      { "Sec-WebSocket-Protocol": "a,".repeat(line / 2) },
      { "Sec-WebSocket-Extensions": ";".repeat(line) },
      { "Sec-WebSocket-Extensions": `a; b="${"\\".repeat(line)}` },
      { "Sec-WebSocket-Extensions": `x${" ".repeat(line)}` },
      { Connection: `Upgrade,${" ".repeat(line - 200)},` },
    ]) {
      const begunMs = cpuTimeMs();
      for (let count = 0; count < 20; count += 1) {
        const client = await connectRaw(port);
        client.write(handshakeRequest({ headers }));
        await client.readHead();
        client.destroy();
      }
      assert.ok(cpuTimeMs() - begunMs < 2000, JSON.stringify(headers).slice(0, 60));
    }
    await expectAlive(port);
  });
});

describe("S15 a header line that is named __proto__", () => {
  it("S15 is a header line, over every transport", async (t) => {
    const names: (string | null)[] = [];
    const { port } = await setServer(t, (request) => {
      names.push(request.headers.get("__proto__"));
      assert.equal(Object.keys(Object.fromEntries(request.headers)).includes("polluted"), false);
      return new Response();
    });
    for (const request of requests()) {
      const client = await connectRaw(port);
      client.write(request.replace("\r\n", "\r\n__proto__: polluted\r\n"));
      assert.equal((await client.readResponse()).status, 200);
    }
    assert.deepEqual(new Set(names), new Set(["polluted"]));
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
});

function manyLines(count: number): string {
  return Array.from({ length: count }, (_, index) => `X-${index}: x\r\n`).join("");
}

/** One by each transport. */
function requests(): string[] {
  return [
    handshakeRequest(),
    handshakeRequest({ protocols: ["channelkit.1"] }),
    post([attachRecord(1, { mode: "stream" })]).toString("latin1"),
    post([attachRecord(1, { mode: "poll" })]).toString("latin1"),
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  ];
}
