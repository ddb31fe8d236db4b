import assert from "node:assert/strict";
import { getRequest } from "../contract/kinds.ts";
import { handshakeRequest, type HandshakeOptions } from "../support/handshake.ts";
import { connectRaw, type ResponseHead } from "../support/raw-client.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import type { TestChannel } from "./application.ts";
import { pitfall, type Target } from "./pitfall.ts";

async function open({ port, channel }: Target): Promise<{ socket: RawWebSocket; own: TestChannel }> {
  const socket = await openWebSocket(port, "/a");
  return { socket, own: await channel("/a") };
}

async function shake({ port }: Target, options: HandshakeOptions): Promise<ResponseHead> {
  const client = await connectRaw(port);
  client.write(handshakeRequest({ path: "/a", ...options }));
  return client.readHead();
}

pitfall("messages are handled one after the other [C86] [P31]", {
  naive: /begin \/a.*begin \/a/s,
  async check(target) {
    const { socket } = await open(target);
    socket.sendText("slow");
    socket.sendText("fast");
    await target.log.waitFor("end /a", { count: 2 });
    assert.deepEqual(target.log.names().slice(2), ["begin /a", "end /a", "begin /a", "end /a"]);
  },
});

pitfall("a channel ends with the Close frame, not with the connection [C71] [P32]", {
  naive: /1 × close \/a expected/,
  async check(target) {
    const { socket } = await open(target);
    socket.sendClose(1000);
    assert.deepEqual((await target.log.waitFor("close /a", { timeoutMs: 1000 })).args, ["normal"]);
  },
});

pitfall("a message that comes after the server's Close is dropped [C89] [P33]", {
  naive: /'begin \/a'/,
  async check(target) {
    const { socket, own } = await open(target);
    own.close();
    socket.sendText("late");
    socket.sendClose(1000);
    await socket.waitForEnd();
    assert.deepEqual(target.log.names().slice(2), ["close /a"]);
  },
});

pitfall("a send that cannot be sent returns false [C15] [P34]", {
  naive: /true !== false/,
  async check(target) {
    const { socket, own } = await open(target);
    own.close();
    await socket.nextFrame();
    assert.equal(own.send("late"), false);
  },
});

pitfall("a number is no message [C23] [P35]", {
  naive: /Missing expected exception/,
  async check(target) {
    const { socket, own } = await open(target);
    assert.throws(() => own.send(42 as unknown as string));
    own.send("right");
    assert.equal(await socket.nextMessage(), "right");
  },
});

pitfall("text is received as a string [C85] [P36]", {
  naive: /object/,
  async check(target) {
    const { socket } = await open(target);
    socket.sendText("text");
    const { args } = await target.log.waitFor("begin /a");
    assert.equal(typeof args[0], "string");
  },
});

pitfall("a frame that announces 5 MiB is refused before it is there [C110] [P37]", {
  naive: /no frame in/,
  async check(target) {
    const { socket } = await open(target);
    socket.sendBinary("start", { declaredLength: 5n * 1024n * 1024n });
    const frame = await socket.nextFrame({ timeoutMs: 1000 });
    assert.equal(frame.payload.readUInt16BE(0), 1009);
  },
});

pitfall("close() without a code sends Close 1000 [C6] [P38]", {
  naive: /undefined\s*- 1000/,
  async check(target) {
    const { socket, own } = await open(target);
    own.close();
    await socket.expectClose(1000);
  },
});

pitfall("a connection that is lost is told apart from a client that goes away [C72] [P39]", {
  naive: /going-away/,
  async check(target) {
    const { socket } = await open(target);
    socket.client.reset();
    assert.deepEqual((await target.log.waitFor("close /a")).args, ["abnormal"]);
  },
});

pitfall("version 8 is refused [S33] [P40]", {
  naive: /101 !== 426/,
  async check(target) {
    assert.equal((await shake(target, { version: 8 })).status, 426);
  },
});

pitfall("a WebSocket over HTTP/1.0 is refused [C52] [S34] [P40]", {
  naive: /101/,
  async check(target) {
    assert.notEqual((await shake(target, { httpVersion: "1.0" })).status, 101);
  },
});

pitfall("WebSocket may stand in a list of upgrades [C93] [S35] [P40]", {
  naive: /400 !== 101/,
  async check(target) {
    assert.equal((await shake(target, { headers: { Upgrade: "websocket, h2c" } })).status, 101);
  },
});

pitfall("no subprotocol is selected that the application did not select [C99] [P40]", {
  naive: /'chat'/,
  async check(target) {
    const head = await shake(target, { protocols: ["chat"] });
    assert.equal(head.header("sec-websocket-protocol"), undefined);
  },
});

pitfall("a handler refuses an upgrade with the answer that it returns [C98] [P41]", {
  naive: /101 !== 401/,
  async check({ port }) {
    const client = await connectRaw(port);
    client.write(handshakeRequest({ path: "/refused" }));
    const response = await client.readResponse();
    assert.equal(response.status, 401);
    assert.equal(response.text, "who are you?");
  },
});

pitfall("an upgrade to something else is served as the plain request it also is [C96] [S28] [P41]", {
  naive: /400 !== 200/,
  async check({ port }) {
    const client = await connectRaw(port);
    client.write(getRequest("/probe", "Upgrade: h2c\r\nConnection: Upgrade\r\n"));
    assert.equal((await client.readResponse()).status, 200);
  },
});

pitfall("an upgrade without `Connection: upgrade` is refused and no plain request [C96] [S36] [P41]", {
  naive: /200 !== 400/,
  async check(target) {
    assert.equal((await shake(target, { path: "/probe", headers: { Connection: "keep-alive" } })).status, 400);
  },
});

pitfall("what waits for a client that does not read is bounded [C124] [C127] [P42]", {
  naive: /isOpen/,
  async check(target) {
    const { socket, own } = await open(target);
    socket.client.pause();
    const message = "x".repeat(64 * 1024);
    for (let count = 0; count < 100; count++) own.send(message);
    assert.equal(own.isOpen, false, "isOpen");
    assert.deepEqual((await target.log.waitFor("close /a")).args, ["overflow"]);
  },
});

pitfall("the close handler is called once, with the same status, for whatever carries the channel [C64] [C66] [P43]", {
  naive: /close \/a expected|server-close/,
  async check({ port, channel, log }) {
    const socket = await openWebSocket(port, "/a");
    const poll = await connectRaw(port);
    poll.write(getRequest("/b"));
    for (const path of ["/a", "/b"]) (await channel(path)).close();
    await socket.nextFrame();
    socket.sendClose(1000);
    await socket.waitForEnd();
    await poll.readResponse();
    for (const path of ["/a", "/b"]) {
      await log.waitFor(`close ${path}`, { timeoutMs: 1000 });
      assert.deepEqual(
        log.of(`close ${path}`).flatMap(({ args }) => args),
        ["server-close"],
      );
    }
  },
});

pitfall("an offer to compress is declined, so that no connection holds a compressor [C94] [P44]", {
  naive: /permessage-deflate/,
  async check(target) {
    const head = await shake(target, { extensions: "permessage-deflate" });
    assert.equal(head.header("sec-websocket-extensions"), undefined);
  },
});
