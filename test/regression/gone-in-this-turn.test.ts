import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { type Channel, MemoryChannelStore, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { deferred } from "../support/expect.ts";
import { openWebSocket } from "../support/websocket-client.ts";

/** The channel of a client that reads nothing, and the socket that it is on. */
async function setStalled(t: TestContext): Promise<{ channel: Channel; socket: Socket }> {
  const sockets: Socket[] = [];
  const note = (event: unknown): void => void sockets.push((event as { readonly socket: Socket }).socket);
  subscribe("net.server.socket", note);
  t.after(() => unsubscribe("net.server.socket", note));
  const opened = deferred<Channel>();
  const { port } = await setServer(t, (request) => withChannel(request, (channel) => opened.resolve(channel)));
  const { client } = await openWebSocket(port);
  t.after(() => client.destroy());
  client.pause();
  const [socket] = sockets;
  assert.ok(socket !== undefined);
  return { channel: await opened.promise, socket };
}

/** More than any kernel takes, and less than the hard limit allows at once. */
const much = Buffer.alloc(16 * 1024 * 1024);

// A socket that was reset is destroyed when it is read, and says so at the end of that turn. Meanwhile its channel is open. A loop
// over promises that are settled already would keep that end from coming, and stop the whole process.
test("whoever sends and waits as long as a channel is open sees the end of one whose socket is gone [C127]", async (t) => {
  const { channel, socket } = await setStalled(t);
  socket.destroy();
  assert.equal(channel.isOpen, true);
  let sends = 0;
  for (; channel.isOpen && sends < 1_000_000; sends += 1) {
    channel.send("more");
    await channel.drained();
  }
  assert.ok(sends < 1_000_000);
  assert.equal(channel.isOpen, false);
});

test("a channel that is behind, and whose socket is gone, is not drained in that turn [C127]", async (t) => {
  const { channel, socket } = await setStalled(t);
  channel.send(much);
  const store = new MemoryChannelStore();
  store.add("group", channel);
  // The bytes are handed over first.
  await new Promise(setImmediate);
  socket.destroy();
  let isSettled = false;
  const both = Promise.race([channel.drained(), channel.flushed()]).then(() => {
    isSettled = true;
  });
  for (let turns = 0; turns < 1000; turns += 1) await Promise.resolve();
  assert.equal(isSettled, false);
  // This asks again and again until it has drained.
  store.broadcast("group", "tick", { whenBehind: { newest: "key" } });
  await both;
});
