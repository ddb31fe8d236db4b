import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions, MemoryChannelStore, type SessionChannel, type SessionsOptions } from "../../src/index.ts";
import { Payload } from "../../src/channel/payload.ts";
import { PresentBytes } from "../../src/session/present-bytes.ts";
import { setServer } from "../server/set-server.ts";
import { served } from "../store/crowd.ts";
import { eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { heapUsedAfterGarbageCollection } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, SessionWebSocket } from "./session-client.ts";
import { setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** With the 64 that each message counts: ten of them are 100 000 bytes. */
const message = "x".repeat(10_000 - 64);

type Member = {
  readonly socket: SessionWebSocket;
  readonly channel: SessionChannel;
  readonly credentials: ReturnType<typeof credentialsOf>;
  /** How many messages it was sent. */
  sent: number;
};

/** Sessions over WebSockets whose clients read all that comes and acknowledge it only when they are told to. */
class Stage {
  readonly port: number;
  readonly #channels: readonly SessionChannel[];

  private constructor(port: number, channels: readonly SessionChannel[]) {
    this.port = port;
    this.#channels = channels;
  }

  static async set(t: Parameters<typeof setSessions>[0], maxTotalUnacknowledgedBytes: number): Promise<Stage> {
    const { port, channels } = await setSessions(t, { limits: { maxTotalUnacknowledgedBytes } });
    return new Stage(port, channels);
  }

  async join(): Promise<Member> {
    const socket = await SessionWebSocket.open(this.port);
    const credentials = credentialsOf(await socket.attach(attachRecord(1)));
    return { socket, channel: this.#channels.at(-1) ?? assert.fail(), credentials, sent: 0 };
  }

  async joinMany(count: number): Promise<Member[]> {
    const members: Member[] = [];
    while (members.length < count) members.push(await this.join());
    return members;
  }
}

async function send(member: Member, count = 1): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    assert.equal(member.channel.send(message), true);
    member.sent += 1;
    assert.equal(await member.socket.next(), message);
  }
}

function acknowledge(member: Member): Promise<void> {
  member.socket.control({ type: "ack", received: member.sent });
  return member.channel.flushed();
}

/** That each is there, and gets what it is sent. */
async function expectUndisturbed(members: readonly Member[]): Promise<void> {
  for (const { channel, socket } of members) {
    assert.equal(channel.isPresent, true);
    channel.send("still there");
    assert.equal(await socket.next(), "still there");
  }
}

describe("what is kept for all clients that are there, until they acknowledge it", () => {
  it("is bounded: the one for which the most is kept is cut off with 4003, and no other; it resumes, and nothing is lost [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const [most, some, few] = (await stage.joinMany(3)) as [Member, Member, Member];
    await send(most, 9);
    await send(some, 8);
    await send(few, 3);
    assert.ok(
      [most, some, few].every(({ channel }) => channel.isPresent),
      "200 000 bytes may be kept",
    );
    few.channel.send("one more");
    assert.equal(await few.socket.next(), "one more");
    await most.socket.socket.expectClose(4003, { reason: "slow" });
    assert.deepEqual([most.channel.isOpen, most.channel.isPresent], [true, false]);
    await expectUndisturbed([some, few]);
    assert.equal(most.channel.send("sent meanwhile"), true);

    const again = await SessionWebSocket.open(stage.port);
    const attached = await again.attach(attachRecord(2, { ...most.credentials, received: 7 }));
    assert.deepEqual([attached.resumed, attached.first], [true, 8]);
    assert.deepEqual(
      [await again.next(), await again.next(), await again.next()],
      [message, message, "sent meanwhile"],
    );
    await expectUndisturbed([some, few]);
  });

  it("is taken from as many as it takes, until it is under seven eighths [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const members = await stage.joinMany(20);
    for (const member of members) await send(member);
    const last = await stage.join();
    last.channel.send("");
    const present = (): number => members.filter(({ channel }) => channel.isPresent).length;
    assert.equal(present(), 17);
    await expectUndisturbed(members.filter(({ channel }) => channel.isPresent));
    assert.ok(members.every(({ channel }) => channel.isOpen));
  });

  it("is bounded also where each has one message that is more than it may be behind [P42]", async (t) => {
    const limits = { maxUnacknowledgedBytes: 10_000, maxTotalUnacknowledgedBytes: 100_000 };
    const { port, channels } = await setSessions(t, { limits });
    for (let index = 0; index < 8; index += 1) await (await SessionWebSocket.open(port)).attach(attachRecord(1));
    for (const channel of channels) assert.equal(channel.send("x".repeat(20_000)), true);
    const present = channels.filter(({ isPresent }) => isPresent).length;
    // A fifth one was too much, and a further one each time.
    assert.equal(present, 4);
    assert.ok(channels.every(({ isOpen }) => isOpen));
  });

  it("is looked through once, also where those that are cut off make others send [P42]", () => {
    const total = new PresentBytes(100);
    let looks = 0;
    const cut: number[] = [];
    function* sessions(): Generator<Parameters<PresentBytes["cutOff"]>[0] extends Iterable<infer One> ? One : never> {
      looks += 1;
      for (const presentBytes of [10, 60, 50]) {
        yield {
          presentBytes,
          detach: () => {
            cut.push(presentBytes);
            total.cutOff(sessions());
            total.add(-presentBytes);
          },
        };
      }
    }
    total.add(120);
    total.cutOff(sessions());
    assert.deepEqual([looks, cut, total.bytes, total.isOver], [1, [60], 60, false]);
  });

  it("is not added up for clients that acknowledge [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const [one, other] = (await stage.joinMany(2)) as [Member, Member];
    for (let round = 0; round < 10; round += 1) {
      await send(one, 9);
      await send(other, 9);
      await acknowledge(one);
      await acknowledge(other);
    }
    await expectUndisturbed([one, other]);
  });

  it("is as much as before when clients have left, whether without a word or by the end of their sessions [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const witness = await stage.join();
    for (let round = 0; round < 6; round += 1) {
      const [reset, closed, ended, resumed] = (await stage.joinMany(4)) as [Member, Member, Member, Member];
      for (const member of [reset, closed, ended, resumed]) await send(member, 4);
      reset.socket.socket.client.reset();
      closed.socket.control({ type: "close", code: 1000, reason: "" });
      ended.channel.close();
      ended.socket.control({ type: "ack", received: 5 });
      const again = await SessionWebSocket.open(stage.port);
      await again.attach(attachRecord(2, { ...resumed.credentials, received: 2 }));
      again.socket.client.reset();
      for (const { channel } of [reset, closed, ended, resumed]) {
        await eventually(() => assert.equal(channel.isPresent, false));
      }
    }
    await send(witness, 19);
    await expectUndisturbed([witness]);
  });

  it("counts what comes back with a client [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const [one, other] = (await stage.joinMany(2)) as [Member, Member];
    await send(one, 9);
    one.socket.socket.client.reset();
    await eventually(() => assert.equal(one.channel.isPresent, false));
    await send(other, 12);
    const again = await SessionWebSocket.open(stage.port);
    await again.attach(attachRecord(2, { ...one.credentials, received: 0 }));
    assert.ok(other.channel.isPresent, "an attach by itself cuts nobody off");
    one.channel.send("");
    await other.socket.socket.expectClose(4003, { reason: "slow" });
    assert.equal(one.channel.isPresent, true);
  });
});

describe("a client that is cut off with more than is kept for one that is away", () => {
  it("goes before those that are away with less, however long they are [P42]", async (t) => {
    const limits = { maxTotalUnacknowledgedBytes: 200_000, maxReplayBytes: 20_000, maxTotalReplayBytes: 100_000 };
    const { port, channels } = await setSessions(t, { limits });
    const clients: SessionWebSocket[] = [];
    for (let index = 0; index < 8; index += 1) {
      const socket = await SessionWebSocket.open(port);
      await socket.attach(attachRecord(1));
      clients.push(socket);
    }
    const away = channels.slice(0, 3);
    for (const client of clients.slice(0, 3)) client.socket.client.reset();
    for (const channel of away) {
      await eventually(() => assert.equal(channel.isPresent, false));
      assert.equal(channel.send("while you were away"), true);
    }
    for (const channel of channels.slice(3)) channel.send("x".repeat(45_000));
    const present = channels.filter(({ isPresent }) => isPresent).length;
    assert.ok(present < 5, "some are cut off");
    for (const channel of channels.slice(3)) channel.send("x".repeat(60_000));
    assert.ok(away.every(({ isOpen }) => isOpen));
    assert.ok(channels.slice(3).some(({ isOpen }) => !isOpen));
  });
});

describe("a word that is kept", () => {
  for (const [what, setKeeper] of [
    ["for a client", () => (channel: SessionChannel, word: string) => void channel.send(word)],
    [
      "in a history",
      () => {
        const store = new MemoryChannelStore({ history: { maxMessages: 100 } });
        return (channel: SessionChannel, word: string) => {
          if (store.size("all") === 0) store.add("all", channel);
          store.broadcast("all", word);
        };
      },
    ],
    [
      "as the name of a group",
      () => {
        const store = new MemoryChannelStore();
        return (channel: SessionChannel, word: string) => void store.add(word, channel);
      },
    ],
    [
      "behind a stream",
      () => {
        let hasBegun = false;
        return (channel: SessionChannel, word: string) => {
          if (!hasBegun) channel.send(new ReadableStream());
          hasBegun = true;
          channel.send(word);
        };
      },
    ],
    [
      "as the key of the newest",
      () => {
        const store = new MemoryChannelStore();
        return (channel: SessionChannel, word: string) => {
          if (store.size("all") === 0) store.add("all", channel);
          while (!channel.bufferedAmount || channel.bufferedAmount < 100_000) channel.send("x".repeat(50_000));
          store.broadcast("all", "the newest", { whenBehind: { newest: word } });
        };
      },
    ],
  ] as const) {
    it(`${what} does not keep the message that it was cut out of [P42]`, async (t) => {
      const keep = setKeeper();
      let heard = 0;
      const sessions = createSessions();
      const use = (channel: SessionChannel): void =>
        channel.onReceive((text) => {
          heard += 1;
          keep(channel, String(text).slice(0, 20));
        });
      const { port } = await setServer(t, (request) => sessions.accept(request, use));
      const socket = await SessionWebSocket.open(port);
      await socket.attach(attachRecord(1));
      const before = await heapUsedAfterGarbageCollection();
      for (let count = 1; count <= 60; count += 1) {
        socket.send(`${count} `.padEnd(900_000, "x"));
        await eventually(() => assert.equal(heard, count));
      }
      const grown = (await heapUsedAfterGarbageCollection()) - before;
      assert.ok(grown < 20_000_000, `${grown} bytes for 60 words`);
    });
  }
});

describe("what is kept of a broadcast", () => {
  it("counts as that of one where there was nobody when it was made", () => {
    assert.equal(new Payload("x".repeat(100), "text/plain", 0).shareBytes, 164);
  });

  it("counts once, and little for each member, so that many that keep up are not much [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const store = new MemoryChannelStore();
    const members = await stage.joinMany(40);
    for (const { channel } of members) store.add("all", channel);
    // By itself each of them keeps 90 000.
    for (let count = 0; count < 9; count += 1) store.broadcast("all", message);
    await served(store);
    for (const { socket } of members) for (let count = 0; count < 9; count += 1) await socket.next();
    await expectUndisturbed(members);
  });

  it("counts in full where each member gets another one [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const store = new MemoryChannelStore();
    const members = await stage.joinMany(4);
    for (const [index, { channel }] of members.entries()) {
      store.add(`group ${index}`, channel);
      for (let count = 0; count < 6; count += 1) store.broadcast(`group ${index}`, message);
    }
    await served(store);
    assert.equal(members.filter(({ channel }) => channel.isPresent).length, 3);
  });

  it("counts for each member its part: cut off is the one that keeps the most of its own, wherever it stands among them [P42]", async (t) => {
    for (const at of [0, 50, 99]) {
      const stage = await Stage.set(t, 200_000);
      const store = new MemoryChannelStore();
      const members = await stage.joinMany(10);
      const hog = members[3] ?? assert.fail();
      for (const { channel } of members) store.add("all", channel);
      for (let count = 0; count < 100; count += 1) {
        if (count === at) hog.channel.send(message.repeat(5));
        store.broadcast("all", message.slice(9000));
      }
      await served(store);
      const [other, last] = (await stage.joinMany(2)) as [Member, Member];
      await send(other, 3);
      assert.ok(members.every(({ channel }) => channel.isPresent));
      await send(last);
      assert.ok(hog.channel.isOpen && !hog.channel.isPresent);
      const rest = members.filter((member) => member !== hog);
      for (const { socket } of rest) for (let count = 0; count < 100; count += 1) await socket.next();
      await expectUndisturbed([...rest, other]);
    }
  });

  it("is cut off no further than the bound asks for, where many groups of members keep the same, in whatever order [P42]", async (t) => {
    const stage = await Stage.set(t, 400_000);
    const store = new MemoryChannelStore();
    const members = await stage.joinMany(36);
    for (const [index, { channel }] of members.entries()) store.add(`group ${index % 9}`, channel);
    for (let index = 0; index < 9; index += 1) {
      for (let count = 0; count < 4; count += 1) store.broadcast(`group ${index}`, message);
    }
    await served(store);
    const present = (): number => members.filter(({ channel }) => channel.isPresent).length;
    assert.equal(present(), 36);
    for (const { channel } of await stage.joinMany(5)) channel.send(message.slice(2000));
    // Each of them answers for 10 048, and 51 728 are to be freed.
    assert.equal(present(), 30);
    assert.ok(members.every(({ channel }) => channel.isOpen));
  });

  it("counts off what it counted, also where its bytes are gone with a buffer that was transferred [P42]", async (t) => {
    const stage = await Stage.set(t, 200_000);
    const store = new MemoryChannelStore();
    const [member, witness] = (await stage.joinMany(2)) as [Member, Member];
    store.add("all", member.channel);
    for (let round = 0; round < 3; round += 1) {
      const all = Array.from({ length: 9 }, () => new Uint8Array(message.length));
      for (const bytes of all) store.broadcast("all", bytes);
      await served(store);
      for (const bytes of all) assert.deepEqual(await member.socket.next(), Buffer.from(bytes));
      structuredClone(all, { transfer: all.map(({ buffer }) => buffer) });
      member.sent += all.length;
      member.socket.control({ type: "ack", received: member.sent });
      await eventually(() => assert.equal(member.channel.bufferedAmount, 0));
    }
    await send(witness, 19);
    await expectUndisturbed([member, witness]);
  });

  it("to members of two createSessions counts in both, and in neither for ever [P42]", async (t) => {
    const options: SessionsOptions<undefined> = { limits: { maxTotalUnacknowledgedBytes: 200_000 } };
    const both = [createSessions(options), createSessions(options)] as const;
    const channels: SessionChannel[] = [];
    const use = (channel: SessionChannel): unknown => channels.push(channel);
    const { port } = await setServer(t, (request) => (both[channels.length % 2] ?? assert.fail()).accept(request, use));
    const store = new MemoryChannelStore();
    const members: Member[] = [];
    for (let index = 0; index < 4; index += 1) {
      const socket = await SessionWebSocket.open(port);
      const credentials = credentialsOf(await socket.attach(attachRecord(1)));
      const channel = channels[index] ?? assert.fail();
      store.add("all", channel);
      members.push({ socket, credentials, channel, sent: 0 });
    }
    for (let round = 0; round < 8; round += 1) {
      for (let count = 0; count < 6; count += 1) store.broadcast("all", message);
      await served(store);
      for (const member of members) {
        for (let count = 0; count < 6; count += 1) await member.socket.next();
        member.sent += 6;
      }
      // Each time another one is the first that has it.
      for (let index = 0; index < 4; index += 1) await acknowledge(members[(index + round) % 4] ?? assert.fail());
    }
    for (const member of members.slice(0, 2)) await send(member, 19);
    await expectUndisturbed(members);
  });
});
