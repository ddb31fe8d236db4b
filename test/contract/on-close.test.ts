import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type CloseDetail, type CloseStatus, isChannelError } from "../../src/index.ts";
import { eventually, within } from "../support/expect.ts";
import * as frames from "../support/frames.ts";
import { connectRaw } from "../support/raw-client.ts";
import { eachKind, expectProbe, getRequest, httpKinds, nextPath, socketOf, streaming, webSocket } from "./kinds.ts";
import { parkTest } from "./park.ts";

const completed: CloseDetail = { code: 1000, reason: "", wasClean: true };

eachKind(
  "a close handler that is set after the end is called at once with how it ended [C65]",
  async (kind, park) => {
    const closeHere = { how: "close()", status: "server-close" as const, detail: completed, leave: undefined };
    for (const { how, status, detail, leave } of [closeHere, ...kind.departures]) {
      const peer = await kind.open(park);
      if (leave === undefined) peer.channel.close();
      else leave(peer.client);
      await eventually(() => assert.equal(peer.channel.isOpen, false));
      const late: unknown[] = [];
      peer.channel.onClose((...args) => void late.push(...args));
      assert.deepEqual(late, [status, detail], how);
      const second = (): void => peer.channel.onClose(() => assert.fail("a second handler"));
      assert.throws(second, (error) => isChannelError(error) && error.code === "HANDLER_ALREADY_SET");
    }
  },
  { unset: ["onClose"] },
);

eachKind(
  "every way in which a client can leave has its status and detail, told once [C64] [C66] [C72]",
  async (kind, park) => {
    for (const { leave, status, detail } of kind.departures) {
      const peer = await kind.open(park);
      leave(peer.client);
      await peer.expectClose(status, detail);
      peer.client.destroy();
      await nextTurn();
      assert.deepEqual(peer.log.names(), ["open", "close"]);
      peer.expectDead();
    }
  },
);

eachKind("close() and a send that closes end as server-close, 1000, clean [C66]", async (kind, park) => {
  const closed = await kind.open(park);
  closed.channel.close();
  await closed.expectClose("server-close", completed);
  const sent = await kind.open(park);
  sent.channel.send("last", { close: true });
  await sent.expectClose("server-close", completed);
});

eachKind("close() with a code and a reason ends as server-close with both of them [C66] [C75]", async (kind, park) => {
  for (const [code, reason] of [
    [1001, ""],
    [1008, "no"],
    [3000, "grün"],
    [4000, "why"],
    [4999, "r".repeat(123)],
  ] as const) {
    const peer = await kind.open(park);
    assert.equal(peer.channel.close(code, reason), true);
    await peer.expectClose("server-close", { code, reason, wasClean: true });
    await peer.expectGoodEnd(code);
  }
});

eachKind(
  "close() with a code or reason that no Close frame can carry throws and leaves the channel open [C66] [C120]",
  async (kind, park) => {
    const { channel } = await kind.open(park);
    const codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, 1000.5, Number.NaN];
    const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";
    for (const code of codes) assert.throws(() => channel.close(code), isRefusal, String(code));
    assert.throws(() => channel.close(1000, "r".repeat(124)), isRefusal);
    assert.throws(() => channel.close(1000, "ü".repeat(62)), isRefusal);
    assert.throws(() => channel.close(1000, 7 as unknown as string), isRefusal);
    assert.equal(channel.isOpen, true);
    assert.equal(channel.close(), true);
  },
);

const forced = [
  { request: "HEAD", status: 200 },
  { request: "GET", status: 204 },
  { request: "GET", status: 205 },
  { request: "GET", status: 304 },
] as const;

for (const { request, status } of forced) {
  parkTest(
    `long-polling: a ${status} to ${request} completes the channel, whatever it was told [C48] [C66]`,
    async (park) => {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(`${request} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      const { channel, log } = await park.at(path);
      assert.equal(channel.send({ status, body: "dropped" }, { close: false }), true);
      assert.deepEqual((await log.waitFor("close")).args, ["server-close", completed, false]);
      assert.equal((await client.readResponse({ head: true })).status, status);
      await expectProbe(client);
    },
  );
}

type Row = readonly [what: string, bytes: Uint8Array, status: CloseStatus, code: number, reason?: string];

/** The whole of the table for Close frames, and every fault of a client that the server answers with one. */
const rows: readonly Row[] = [
  ["Close 1000", frames.close(1000), "normal", 1000],
  ["Close 1001", frames.close(1001, "leaving"), "going-away", 1001, "leaving"],
  ["Close 1002", frames.close(1002), "protocol-error", 1002],
  ["Close 1003", frames.close(1003), "unsupported", 1003],
  ["Close without a code", frames.close(), "no-status-received", 1005],
  ["Close 1007", frames.close(1007), "invalid-payload-data", 1007],
  ["Close 1008", frames.close(1008), "policy-violation", 1008],
  ["Close 1009", frames.close(1009), "message-too-big", 1009],
  ["Close 1010", frames.close(1010), "mandatory-extension", 1010],
  ["Close 1011", frames.close(1011), "internal-server-error", 1011],
  ["Close 1012", frames.close(1012), "unknown", 1012],
  ["Close 1013", frames.close(1013), "unknown", 1013],
  ["Close 1014", frames.close(1014), "unknown", 1014],
  ["Close 3000", frames.close(3000), "unknown", 3000],
  ["Close 4001 and a reason [C74]", frames.close(4001, "bye"), "unknown", 4001, "bye"],
  ["Close 4999", frames.close(4999, "grüße"), "unknown", 4999, "grüße"],
];

for (const [what, bytes, status, code, reason = ""] of rows) {
  parkTest(
    `websocket: ${what} from the client is ${status}, and comes back as it was sent [C66] [C118]`,
    async (park) => {
      const peer = await webSocket.open(park);
      socketOf(peer).send(bytes);
      await peer.expectClose(status, { code, reason, wasClean: true });
      await socketOf(peer).expectCloseAndEnd(code === 1005 ? undefined : code, { reason });
    },
  );
}

const faults: readonly Row[] = [
  ["an unmasked frame", frames.text("x", { mask: false }), "protocol-error", 1002],
  ["a reserved bit", frames.text("x", { rsv: 2 }), "protocol-error", 1002],
  ["an unknown opcode", frames.frame({ opcode: 3 }), "protocol-error", 1002],
  ["a fragmented ping", frames.ping("x", { fin: false }), "protocol-error", 1002],
  ["a continuation of nothing", frames.continuation("x"), "protocol-error", 1002],
  ["text that is no UTF-8", frames.text(Buffer.of(0xc3, 0x28)), "invalid-payload-data", 1007],
  ["a message over the limit", frames.text("x".repeat(101)), "message-too-big", 1009],
  ["a Close with half a code", frames.frame({ opcode: 8, payload: Buffer.of(3) }), "protocol-error", 1002],
  ["a Close with a code that may not be sent", frames.close(1005), "protocol-error", 1002],
  ["a Close whose reason is no UTF-8", frames.close(1000, Buffer.of(0xc3)), "invalid-payload-data", 1007],
];

for (const [what, bytes, status, code] of faults) {
  parkTest(
    `websocket: ${what} is answered with ${code} and told as ${status} [C66] [C73]`,
    async (park) => {
      const peer = await webSocket.open(park);
      socketOf(peer).send(bytes, frames.text("behind"));
      await peer.expectClose(status, { code, wasClean: false });
      await socketOf(peer).expectCloseAndEnd(code);
      assert.deepEqual(peer.log.names(), ["open", "close"], "nothing behind the fault is handled");
      park.expectError("PEER_FAULT");
    },
    { limits: { maxMessageBytes: 100 } },
  );
}

parkTest("long-polling: each answered poll of a connection is a close of its channel [C67]", async (park) => {
  const client = await connectRaw(park.port);
  for (let round = 0; round < 5; round++) {
    const path = nextPath();
    client.write(getRequest(path));
    const { channel, log } = await park.at(path);
    assert.deepEqual(log.names(), ["open"]);
    channel.send(`answer ${round}`);
    assert.deepEqual(log.names(), ["open", "close"]);
    assert.equal(log.of("close")[0]?.args[0], "server-close");
    assert.equal((await client.readResponse()).text, `answer ${round}`);
  }
});

eachKind("the close handler does not wait for the last bytes, and flushed() does [C68]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.client.pause();
  const bytes = Buffer.alloc(32 * 1024 * 1024, "x");
  assert.equal(peer.channel.send(bytes, { close: true }), true);
  assert.deepEqual(peer.log.names(), ["open", "close"]);
  let isFlushed = false;
  const flushed = peer.channel.flushed().then(() => void (isFlushed = true));
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  assert.equal(isFlushed, false, "most of it is still here");
  peer.client.resume();
  assert.equal((await peer.readBytes({ timeoutMs: 10_000 })).length, bytes.length);
  await within(1000, flushed, "flushed");
  assert.equal(peer.log.of("close").length, 1);
});

eachKind("the death of a client after the last send is not told as a second end [C68]", async (kind, park) => {
  const peer = await kind.open(park);
  peer.client.pause();
  peer.channel.send(Buffer.alloc(16 * 1024 * 1024), { close: true });
  const flushed = peer.channel.flushed();
  peer.client.reset();
  await within(2000, flushed, "flushed, when the connection is gone");
  await nextTurn();
  assert.deepEqual(peer.log.names(), ["open", "close"]);
  await peer.expectClose("server-close");
});

const failures: readonly { readonly how: string; readonly fail: () => void | Promise<void> }[] = [
  {
    how: "throws",
    fail: () => {
      throw new Error("close handler");
    },
  },
  { how: "rejects", fail: () => Promise.reject(new Error("close handler")) },
];

for (const { how, fail } of failures) {
  eachKind(
    `a close handler that ${how} is reported and changes nothing for send(), close() or the connection [C70]`,
    async (kind, park) => {
      const sent = await kind.open(park);
      assert.equal(sent.channel.send("last", { close: true }), true);
      assert.equal(await sent.readText(), "last");
      await sent.expectGoodEnd();
      const closed = await kind.open(park);
      assert.equal(closed.channel.close(), true);
      await closed.expectGoodEnd();
      const left = await kind.open(park);
      left.client.reset();
      await eventually(() => assert.equal(park.errors.length, 3));
      for (const { code, details } of park.errors) {
        assert.equal(code, "HANDLER_FAILED");
        assert.equal("handler" in details && details.handler, "onClose");
      }
      park.errors.length = 0;
      const fresh = await connectRaw(park.port);
      await expectProbe(fresh);
    },
    { use: ({ channel }) => channel.onClose(fail) },
  );
}

parkTest("websocket: a Close frame is told when it comes, not when TCP ends [C71]", async (park) => {
  const peer = await webSocket.open(park);
  socketOf(peer).sendClose(1000, "bye");
  await peer.log.waitFor("close", { timeoutMs: 100 });
  assert.equal(peer.client.socket.writableEnded, false, "our side is still open");
});

parkTest(
  "websocket: the answer to the server's Close is no second end, whatever its code [C64] [C121]",
  async (park) => {
    const peer = await webSocket.open(park);
    peer.channel.close(4000, "why");
    await socketOf(peer).expectClose(4000, { reason: "why" });
    socketOf(peer).sendClose(1001, "other");
    await peer.client.expectEnd();
    assert.deepEqual(peer.log.names(), ["open", "close"]);
    await peer.expectClose("server-close", { code: 4000, reason: "why" });
  },
);

eachKind(
  "a channel without a close handler ends like any other [C66]",
  async (kind, park) => {
    for (const { leave } of kind.departures) {
      const peer = await kind.open(park);
      leave(peer.client);
      await eventually(() => assert.equal(peer.channel.isOpen, false));
      peer.expectDead();
    }
    const peer = await kind.open(park);
    peer.channel.close();
    await peer.expectGoodEnd();
  },
  { unset: ["onClose"] },
);

for (const kind of httpKinds) {
  parkTest(
    `${kind.name}: a 500 or a cut for a failed use is told as such [C66] [C131]`,
    async (park) => {
      const path = nextPath();
      const client = await connectRaw(park.port);
      client.write(getRequest(path));
      const { channel, log } = await park.at(path);
      const { args } = await log.waitFor("close");
      if (kind === streaming) {
        assert.deepEqual(args, ["internal-server-error", { code: 1011, reason: "", wasClean: false }, false]);
        await client.waitForEnd();
        assert.ok(!client.received.includes("\r\n0\r\n\r\n"));
      } else {
        assert.deepEqual(args, ["server-close", { code: 1011, reason: "", wasClean: true }, false]);
        assert.equal((await client.readResponse()).status, 500);
        await expectProbe(client);
      }
      assert.equal(channel.send("late"), false);
      park.expectError("HANDLER_FAILED");
    },
    {
      use: async ({ channel }) => {
        if (kind === streaming) channel.send("begun", { close: false });
        await nextTurn();
        throw new Error("secret");
      },
    },
  );
}

parkTest(
  "websocket: a failed use ends in Close 1011 [C66] [C131]",
  async (park) => {
    const peer = await webSocket.open(park);
    await socketOf(peer).expectClose(1011);
    await peer.expectClose("server-close", { code: 1011 });
    park.expectError("HANDLER_FAILED");
  },
  {
    use: async () => {
      await nextTurn();
      throw new Error("secret");
    },
  },
);
