import assert from "node:assert/strict";
import { afterEach, describe, it, type TestContext } from "node:test";
import {
  type Channel,
  createSessions,
  defaultStoreLimits,
  isChannelError,
  MemoryChannelStore,
  type StoreLimits,
  type StoreOptions,
  withChannel,
} from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, SessionWebSocket } from "../session-server/session-client.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** A server whose clients name the group that they join, or, behind a dash, leave; it says what became of that. */
async function setFollowers(t: TestContext, options: StoreOptions) {
  const store = new MemoryChannelStore(options);
  const sessions = createSessions();
  const use = (channel: Channel): void =>
    channel.onReceive((message) => {
      channel.send(follow(store, channel, String(message)));
    });
  const { port, errors } = await setServer(t, (request) =>
    sessions.accepts(request) ? sessions.accept(request, use) : withChannel(request, use),
  );
  return { store, port, errors };
}

function follow(store: MemoryChannelStore, channel: Channel, name: string): string {
  try {
    if (name.startsWith("-")) return `left ${store.remove(name.slice(1), channel)}`;
    store.add(name, channel);
    return "joined";
  } catch (error) {
    if (!isChannelError(error)) throw error;
    return error.code === "TOO_MANY_GROUPS" ? `${error.code} ${error.details.maxGroupsPerChannel}` : error.code;
  }
}

async function ask(socket: RawWebSocket, ...names: string[]): Promise<unknown[]> {
  for (const name of names) socket.sendText(name);
  const answers: unknown[] = [];
  for (const _ of names) answers.push(await socket.nextMessage());
  return answers;
}

/** The next message, and not an ack. */
async function nextText(socket: SessionWebSocket): Promise<string> {
  const message = await socket.next();
  return typeof message === "string" ? message : nextText(socket);
}

for (const history of [false, true]) {
  const where = history ? "a store with history" : "a store";

  describe(`the groups of one channel in ${where}`, () => {
    it("are bounded: another is refused, the others stay, and one that is left makes room", async (t) => {
      const { store, port } = await setFollowers(t, { history, limits: { maxGroupsPerChannel: 2 } });
      const [first, second] = [await openWebSocket(port), await openWebSocket(port)];
      assert.deepEqual(await ask(first, "a", "b", "c"), ["joined", "joined", "TOO_MANY_GROUPS 2"]);
      assert.deepEqual(store.groups().toSorted(), ["a", "b"]);
      assert.deepEqual(await ask(first, "a", "-c", "-a", "c", "a"), [
        "joined",
        "left false",
        "left true",
        "joined",
        "TOO_MANY_GROUPS 2",
      ]);
      assert.deepEqual(await ask(second, "a", "b"), ["joined", "joined"]);
      assert.deepEqual([store.size("a"), store.size("b"), store.size("c")], [1, 2, 1]);
    });

    it("are not counted with those of another store", async (t) => {
      const { store, port } = await setFollowers(t, { history, limits: { maxGroupsPerChannel: 20 } });
      const other = new MemoryChannelStore({ history, limits: { maxGroupsPerChannel: 20 } });
      const socket = await openWebSocket(port);
      const names = Array.from({ length: 19 }, (_, index) => `group ${index}`);
      await ask(socket, ...names);
      const [[channel] = []] = store.members("group 0");
      assert.ok(channel);
      for (const name of names) other.add(name, channel);
      assert.deepEqual(await ask(socket, "a", "b"), ["joined", "TOO_MANY_GROUPS 20"]);
    });
  });

  describe(`a name of a group in ${where}`, () => {
    it("is bounded in length, also that of one which nobody is in", async (t) => {
      const limits: Partial<StoreLimits> = { maxGroupNameLength: 5 };
      const { store, port } = await setFollowers(t, { history, limits });
      const socket = await openWebSocket(port);
      assert.deepEqual(await ask(socket, "12345", "123456"), ["joined", "INVALID_ARGUMENT"]);
      for (const call of [() => store.broadcast("123456", 1), () => store.position("123456")]) {
        assert.throws(call, (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT");
      }
      assert.deepEqual(store.groups(), ["12345"]);
    });
  });
}

describe("by default", () => {
  it("a channel of a session is in as many groups as any, and leaves all of them when it ends", async (t) => {
    const { store, port, errors } = await setFollowers(t, {});
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    for (let index = 0; index < defaultStoreLimits.maxGroupsPerChannel; index += 1) {
      socket.send(`group ${index}`);
      assert.equal(await nextText(socket), "joined");
    }
    socket.send("one more");
    assert.equal(await nextText(socket), "TOO_MANY_GROUPS 1024");
    assert.equal(store.groups().length, 1024);
    const [[channel] = []] = store.members("group 0");
    channel?.close();
    assert.deepEqual(store.groups(), []);
    assert.deepEqual(errors, []);
  });
});
