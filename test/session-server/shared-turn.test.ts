import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { MemoryChannelStore } from "../../src/index.ts";
import { inflateMessage } from "../support/deflate.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, SessionWebSocket } from "./session-client.ts";
import { setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const offer = { extensions: "permessage-deflate; client_max_window_bits" };
const long = "a text that is long enough to be compressed. ".repeat(30);
const bytes = Buffer.from([1, 2, 3]);

/** The next messages, inflated where they are compressed. */
async function take(socket: SessionWebSocket, count: number): Promise<(string | Buffer)[]> {
  const messages: (string | Buffer)[] = [];
  while (messages.length < count) {
    const { rsv, opcode, payload } = await socket.socket.nextFrame();
    const whole = rsv === 4 ? inflateMessage(payload) : payload;
    messages.push(opcode === 1 ? whole.toString() : whole);
  }
  return messages;
}

it("what a group is sent in one turn comes in its order to each, whatever else a member is sent, and however it compresses", async (t) => {
  const { port, channels } = await setSessions(t, {}, { compression: true });
  const sockets: SessionWebSocket[] = [];
  for (const options of [{}, {}, offer, offer, {}, offer]) {
    const socket = await SessionWebSocket.open(port, options);
    await socket.attach(attachRecord(1));
    sockets.push(socket);
  }
  const store = new MemoryChannelStore();
  for (const channel of channels) store.add("group", channel);
  for (let round = 0; round < 3; round += 1) {
    store.broadcast("group", `${round} ${long}`);
    channels[1]?.send("for one alone");
    store.broadcast("group", bytes);
    store.broadcast("group", "");
    store.broadcast("group", new Uint8Array(0));
    store.broadcast("group", "last");
  }
  // Empty bytes are the escape before a control record, which says that they are meant.
  const empties = ["", Buffer.alloc(0), '{"type":"empty"}', "last"];
  const expected = [0, 1, 2].flatMap((round) => [`${round} ${long}`, bytes, ...empties]);
  const withOwn = [0, 1, 2].flatMap((round) => [`${round} ${long}`, "for one alone", bytes, ...empties]);
  for (const [index, socket] of sockets.entries()) {
    const wanted = index === 1 ? withOwn : expected;
    assert.deepEqual(await take(socket, wanted.length), wanted, `member ${index}`);
  }
  // Later turns, of as many messages as the one before.
  for (const texts of [
    ["one", "two"],
    ["three", "four"],
  ]) {
    for (const text of texts) store.broadcast("group", text);
    for (const socket of sockets) assert.deepEqual(await take(socket, 2), texts);
  }
});
