import assert from "node:assert/strict";
import { type Data, isChannelError, MemoryChannelStore, type SendOptions } from "../../src/index.ts";
import { eachKind, longPolling, type Peer, webSocket } from "./kinds.ts";

/** Calls with what the types forbid, as a program in JavaScript can: it throws, and the channel is as before. */
function refused(peer: Peer, call: () => unknown, received: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(isChannelError(error) && error.code === "INVALID_ARGUMENT", String(error));
    assert.match(error.message, received);
    return true;
  });
  assert.equal(peer.channel.isOpen, true);
}

/** Not a byte has left, and the channel goes on as if nothing had been. */
async function expectIntact(peer: Peer): Promise<void> {
  assert.equal(peer.push("fine"), true);
  assert.equal(await peer.readText(), "fine");
  peer.channel.close();
  await peer.expectGoodEnd();
}

const wrongCloses: readonly unknown[] = ["false", "", 0, 1, null, {}, Symbol("no")];

eachKind(
  "a close of a send or a broadcast that is no boolean throws and closes nothing [C17, C23]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const store = new MemoryChannelStore();
    store.add("group", peer.channel);
    for (const close of wrongCloses) {
      const options = { close } as SendOptions;
      refused(peer, () => peer.channel.send("no", options), /^close must be true or false, but it is /);
      refused(peer, () => store.broadcast("group", "no", options), /^close must be true or false, but it is /);
      refused(peer, () => store.broadcast("nobody", () => "no", options), /^close must be true or false/);
    }
    assert.equal(store.size("group"), 1);
    await expectIntact(peer);
  },
);

eachKind("options of a send that are no plain object throw, also when they look like one [C23]", async (kind, park) => {
  const peer = await kind.open(park);
  const store = new MemoryChannelStore();
  store.add("group", peer.channel);
  for (const options of [
    new Map([["close", true]]),
    new Date(),
    /close/,
    [],
    Object.create({ close: true }) as unknown,
    "close",
    true,
    null,
  ]) {
    refused(peer, () => peer.channel.send("no", options as SendOptions), /^options must be an object with only close/);
    refused(peer, () => store.broadcast("group", "no", options as SendOptions), /^options must be an object with/);
  }
  await expectIntact(peer);
});

const wrongHeaders: readonly (readonly [headers: unknown, received: RegExp])[] = [
  [[["a"]], /^a header field must be a name and a value/],
  [[["a", "b", "c"]], /^a header field must be a name and a value/],
  [["ab"], /^a header field must be a name and a value/],
  [[null], /^a header field must be a name and a value/],
  [Buffer.from("ab"), /^a header field must be a name and a value/],
  [{ "X-A": Symbol("no") }, /^the header field X-A must be text, a number, a boolean/],
  [[["X-A", Symbol("no")]], /^the header field X-A must be text/],
  [{ "X-A": ["yes", Symbol("no")] }, /^the header field X-A must be text/],
  [{ "X-A": {} }, /^the header field X-A must be text/],
  [{ "X-A": Object.create(null) as unknown }, /^the header field X-A must be text/],
  [{ "X-A": [["nested"]] }, /^the header field X-A must be text/],
  [{ "X-A": () => "called" }, /^the header field X-A must be text/],
];

eachKind(
  "header fields that are no pairs, and values without a form of their own, throw [C24, C32]",
  async (kind, park) => {
    const peer = await kind.open(park);
    for (const [headers, received] of wrongHeaders) {
      refused(peer, () => peer.channel.send({ headers, body: "no" } as Data, { close: false }), received);
    }
    await expectIntact(peer);
  },
  { kinds: [webSocket, longPolling] },
);

eachKind("an array with an element that has no string form throws [C23]", async (kind, park) => {
  const peer = await kind.open(park);
  const failing = {
    toString(): string {
      throw new Error("no text");
    },
  };
  for (const element of [Object.create(null) as unknown, Symbol("no"), () => "no", [Symbol("no")], failing]) {
    for (const data of [[element], ["a", Buffer.from("b"), element]]) {
      refused(peer, () => peer.channel.send(data), /^data must be an array whose elements have a string form/);
    }
  }
  await expectIntact(peer);
});

eachKind("options without a prototype are options like any other [C17]", async (kind, park) => {
  const peer = await kind.open(park);
  const options: SendOptions = Object.assign(Object.create(null) as object, { close: false });
  assert.equal(peer.channel.send("bare", options), true);
  assert.equal(peer.channel.isOpen, true);
  assert.equal(await peer.readText(), "bare");
  peer.channel.close();
  await peer.expectGoodEnd();
});

/** Looking at it in whatever way throws this. */
const broken = new Error("broken");

function breaks(): never {
  throw broken;
}

const traps: ProxyHandler<object> = { get: breaks, has: breaks, ownKeys: breaks, getPrototypeOf: breaks };

/** What throws when it is sent, each in a place of its own. */
const brokenData: Readonly<Record<string, unknown>> = {
  "a proxy": new Proxy({}, traps),
  "a proxy of a list": new Proxy([], { ...traps, getPrototypeOf: () => Array.prototype as unknown[] }),
  "a proxy of bytes": new Proxy(new Uint8Array(3), traps),
  "a getter of the body": Object.defineProperty({}, "body", { enumerable: true, get: breaks }),
  "a getter of the status": Object.defineProperty({ body: "no" }, "status", { enumerable: true, get: breaks }),
  "a getter of the headers": Object.defineProperty({ body: "no" }, "headers", { enumerable: true, get: breaks }),
  "a proxy as the body": { body: new Proxy({}, traps) },
  "a proxy as the headers": { headers: new Proxy({}, traps), body: "no" },
  "headers that throw as they are walked": { headers: { [Symbol.iterator]: breaks }, body: "no" },
  "a string form": ["no", { toString: breaks }],
};

/** As {@link refused}, and the error says what was thrown. */
function refusedFor(peer: Peer, call: () => unknown): void {
  refused(peer, call, /must be/);
  assert.throws(call, (error) => error instanceof Error && error.cause === broken);
}

eachKind(
  "what throws when it is looked at is not sent: that is the cause of the error [C17, C23]",
  async (kind, park) => {
    const peer = await kind.open(park);
    const store = new MemoryChannelStore();
    const remembering = new MemoryChannelStore({ history: {} });
    store.add("group", peer.channel);
    for (const [what, data] of Object.entries(brokenData)) {
      // A response that goes on has sent its headers: those of a later send are not looked at.
      const isSpared = kind.name === "http-streaming" && /^(?:a proxy as the )?headers/.test(what);
      if (!isSpared) refusedFor(peer, () => peer.channel.send(data as Data));
    }
    const brokenOptions = [new Proxy({}, traps), Object.defineProperty({}, "close", { enumerable: true, get: breaks })];
    for (const options of brokenOptions) {
      refusedFor(peer, () => peer.channel.send("no", options));
      refusedFor(peer, () => store.broadcast("group", "no", options));
    }
    for (const options of [
      new Proxy({}, traps),
      { since: new Proxy({}, traps) },
      {
        get last(): never {
          return breaks();
        },
      },
    ]) {
      refusedFor(peer, () => remembering.add("group", peer.channel, undefined, options));
    }
    for (const value of [new Proxy({}, traps), { toJSON: breaks }, { deep: [{ toJSON: breaks }] }]) {
      refusedFor(peer, () => store.broadcast("group", value));
      const before = remembering.position("group");
      refusedFor(peer, () => remembering.broadcast("group", value));
      assert.deepEqual(remembering.position("group"), before);
    }
    for (const value of [new Proxy({}, traps), { valueOf: breaks, toString: breaks }, Symbol("no")]) {
      refused(peer, () => peer.channel.close(value as number), /^the close code must be /);
      refused(peer, () => peer.channel.close(1000, value as string), /^the close reason must be /);
    }
    await expectIntact(peer);
  },
);
