import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ScriptedServer, type Attempt } from "./script.ts";

/** The attach by which a client comes back to the session that an attempt got. */
function next({ transport }: Attempt, attach: number, received = 0): Parameters<ScriptedServer["attach"]>[0] {
  const { session, secret } = transport.last("attached");
  return { attach, received, session, secret, key: "the-next-key-of-it" };
}

/** Takes everything that waits. */
function takeAll({ attachment }: Attempt): unknown[] {
  const items: unknown[] = [];
  for (let item = attachment.next(); item !== undefined; item = attachment.next()) items.push(item);
  return items;
}

describe("a server acknowledges", () => {
  it("at the 64th message, and not before", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    for (let count = 0; count < 63; count += 1) attachment.receive("x");
    assert.equal(transport.count("ack"), 0);
    attachment.receive("x");
    assert.equal(transport.last("ack").received, 64);
  });

  it("at 32 KiB, text counted as three bytes for a unit", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    attachment.receive(new Uint8Array(32 * 1024 - 1));
    assert.equal(transport.count("ack"), 0);
    attachment.receive(new Uint8Array(1));
    assert.equal(transport.count("ack"), 1);
    attachment.receive("x".repeat(32 * 342));
    assert.equal(transport.last("ack").received, 3);
  });

  it("a second after a message, once for all that came meanwhile", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    attachment.receive("one");
    server.clock.advance(600);
    attachment.receive("two");
    server.clock.advance(399);
    assert.equal(transport.count("ack"), 0);
    server.clock.advance(1);
    assert.equal(transport.last("ack").received, 2);
    server.clock.advance(5000);
    assert.equal(transport.count("ack"), 1);
  });
});

describe("a server finds a client that is silent", () => {
  it("by a ping after 25 s, and lets the transport go 10 s later", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    server.clock.advance(20_000);
    attachment.receive({ type: "pong" });
    server.clock.advance(24_999);
    assert.equal(transport.count("ping"), 0);
    server.clock.advance(1);
    assert.equal(transport.count("ping"), 1);
    server.clock.advance(9_999);
    assert.deepEqual(transport.detached, []);
    server.clock.advance(1);
    assert.deepEqual(transport.detached, [4002]);
    assert.equal(server.sessions[0]?.goneSinceMs, 55_000);
  });

  it("not if anything comes", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    for (let seconds = 0; seconds < 300; seconds += 20) {
      server.clock.advance(20_000);
      attachment.receive({ type: "ack", received: 0 });
    }
    assert.equal(transport.count("ping"), 0);
    server.clock.advance(30_000);
    attachment.receive("x");
    server.clock.advance(20_000);
    assert.deepEqual(transport.detached, []);
  });

  it("that polls by the end of a poll, 20 s after it began", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({ mode: "poll" });
    for (let poll = 1; poll < 5; poll += 1) {
      assert.ok(server.sessions[0]?.poll(attachment, poll, 0));
      server.clock.advance(20_000);
      assert.equal(transport.count("ping"), poll);
    }
    server.clock.advance(10_000);
    assert.deepEqual(transport.detached, [4002]);
  });
});

describe("what a server keeps for a client", () => {
  it("that is away is bounded in messages", () => {
    const server = new ScriptedServer();
    server.attach({}).attachment.lost();
    const [session] = server.sessions;
    for (let count = 0; count < 1024; count += 1) assert.ok(session?.send("x"));
    assert.equal(session?.send("x"), false);
    assert.deepEqual(server.ends, [{ cause: "overflow", code: 4004, reason: "overflow" }]);
    assert.equal(session?.bufferedBytes, 0);
    assert.equal(server.registry.size, 0);
  });

  it("that is away is bounded in bytes, but for one message into nothing", () => {
    const server = new ScriptedServer();
    server.attach({}).attachment.lost();
    const [session] = server.sessions;
    assert.ok(session?.send(new Uint8Array(300 * 1024)));
    assert.equal(session?.send("x"), false);
    assert.equal(server.ends[0]?.cause, "overflow");
  });

  it("that reads too slowly ends its transport, and with the next send its session", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    const [session] = server.sessions;
    for (let count = 0; count < 4; count += 1) assert.ok(session?.send(new Uint8Array(250 * 1024)));
    assert.deepEqual(attempt.transport.detached, []);
    assert.ok(session?.send(new Uint8Array(250 * 1024)));
    assert.deepEqual(attempt.transport.detached, [4003]);
    const again = server.attach(next(attempt, 2));
    assert.equal(again.transport.last("attached").resumed, true);
    assert.equal(takeAll(again).length, 5);
    assert.equal(session?.send("x"), false);
    assert.equal(server.ends[0]?.cause, "overflow");
    assert.deepEqual(again.transport.detached, [4004]);
  });

  it("is forgotten when it is acknowledged, and not when it is written", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    const [session] = server.sessions;
    session?.send("one");
    session?.send("two");
    takeAll(attempt);
    assert.equal(session?.bufferedBytes, 2 * (3 + 64));
    attempt.attachment.receive({ type: "ack", received: 1 });
    assert.equal(session?.bufferedBytes, 3 + 64);
    const again = server.attach(next(attempt, 2, 1));
    assert.deepEqual(takeAll(again), ["two"]);
  });

  it("in total is taken from the one that is away longest, who is told `overflow`", () => {
    const server = new ScriptedServer({ maxTotalReplayBytes: 4096 + 1000 });
    const attempts = ["key-number-one-of-it", "key-number-two-of-it"].map((each) => server.attach({ key: each }));
    for (const { attachment } of attempts) {
      attachment.lost();
      server.clock.advance(1);
    }
    const [longest, other] = server.sessions;
    assert.ok(other?.send("x".repeat(500)));
    assert.ok(longest?.send("x".repeat(300)));
    assert.equal(server.registry.goneBytes, 4096 + 500 + 300 + 128);
    assert.ok(other?.send("x".repeat(100)));
    assert.equal(longest?.end?.cause, "overflow");
    assert.equal(server.registry.goneBytes, 2048 + 600 + 128);
    assert.equal(server.attach(next(attempts[0]!, 2)).transport.last("attached").reason, "overflow");
    assert.equal(server.attach(next(attempts[1]!, 2)).transport.last("attached").resumed, true);
    assert.equal(server.registry.goneBytes, 0);
  });

  it("is bounded in sessions, of which the one that is left longest has to go", () => {
    const server = new ScriptedServer({ maxSessions: 2 });
    const [first, second] = ["key-number-one-of-it", "key-number-two-of-it"].map((each) =>
      server.attach({ key: each }),
    );
    assert.deepEqual(server.tryAttach({ key: "key-number-three-of-it" }).result, { code: 4006, reason: "busy" });
    second?.attachment.lost();
    server.attach({ key: "key-number-three-of-it" });
    assert.equal(server.sessions[1]?.end?.cause, "overflow");
    assert.deepEqual(first?.transport.detached, []);
    assert.equal(server.registry.size, 2);
  });

  it("costs for each that is away, so that empty ones are bounded, too", () => {
    const server = new ScriptedServer({ maxTotalReplayBytes: 10 * 2048 });
    for (let count = 0; count < 100; count += 1) server.attach({ key: `the-key-of-client-${count}` }).attachment.lost();
    assert.equal(server.registry.size, 10);
  });

  it("is kept for 120 s, and the end is told once", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    attempt.attachment.lost();
    server.clock.advance(119_999);
    assert.deepEqual(server.ends, []);
    server.clock.advance(1);
    assert.deepEqual(
      server.ends.map(({ cause }) => cause),
      ["expired"],
    );
    assert.equal(server.attach(next(attempt, 2)).transport.last("attached").reason, "expired");
    assert.equal(server.sessions.length, 2);
  });
});

describe("an attach", () => {
  it("with the key of another gets the same new session, and each later one takes over", () => {
    const server = new ScriptedServer();
    const first = server.attach({ attach: 1 });
    const second = server.attach({ attach: 2 });
    assert.equal(server.sessions.length, 1);
    assert.equal(second.transport.last("attached").resumed, false);
    assert.deepEqual(first.transport.detached, [4001]);
    first.attachment.receive("ignored");
    assert.deepEqual(server.messages, []);
  });

  it("that is late or a copy is refused and changes nothing, also when its session has ended", () => {
    const server = new ScriptedServer();
    const first = server.attach({ attach: 2 });
    const second = server.attach(next(first, 5));
    for (const attach of [1, 2, 5]) {
      assert.deepEqual(server.tryAttach(next(first, attach)).result, {
        code: 4001,
        reason: "superseded",
      });
      assert.equal((server.tryAttach({ attach }).result as { code: number }).code, 4001);
    }
    assert.deepEqual(second.transport.detached, []);
    server.sessions[0]?.drop("overflow");
    assert.equal((server.tryAttach(next(first, 5)).result as { code: number }).code, 4001);
    assert.equal((server.tryAttach({ attach: 5 }).result as { code: number }).code, 4001);
    assert.equal(server.sessions.length, 1);
  });

  it("of another user, or with an old secret, is denied and leaves the session alone", () => {
    const server = new ScriptedServer();
    const first = server.attach({ attach: 1 });
    const second = server.attach(next(first, 2));
    const third = server.attach(next(second, 3));
    const stolen = server.attach(next(third, 4), "eve");
    assert.equal(stolen.transport.last("attached").reason, "denied");
    const old = server.attach({ ...next(first, 5), key: "some-other-key-of-it" });
    assert.equal(old.transport.last("attached").reason, "denied");
    assert.equal(server.sessions.length, 3);
    assert.deepEqual(third.transport.detached, []);
    third.attachment.receive("still here");
    assert.deepEqual(server.messages, ["still here"]);
  });

  it("never gets a session under an id that the client made up", () => {
    const server = new ScriptedServer();
    const made = { session: "an-id-that-is-made-up", secret: "secret-that-is-made-up" };
    assert.equal((server.tryAttach({ ...made, attach: 1 }).result as { attach?: number }).attach, undefined);
    assert.notEqual(server.sessions[0]?.id, made.session);
    assert.equal(server.registry.find(made), undefined);
  });

  it("without a key opens nothing", () => {
    const server = new ScriptedServer();
    const transportOfNone = { type: "attach", attach: 1, received: 0 } as const;
    const transport = server.attach({}).transport;
    const result = server.registry.attach({
      record: transportOfNone,
      owner: "ada",
      transport,
      opened: server.opened,
    });
    assert.deepEqual(result, { code: 4005, reason: "unknown" });
    assert.equal(server.sessions.length, 1);
  });

  it("that claims more than was sent ends the session with `gap`, which both ends are told", () => {
    const server = new ScriptedServer();
    const first = server.attach({});
    server.sessions[0]?.send("one");
    const again = server.attach(next(first, 2, 1));
    assert.equal(again.transport.last("attached").reason, "gap");
    assert.deepEqual(
      server.ends.map(({ cause }) => cause),
      ["gap"],
    );
  });

  it("that says less than an ack that overtook it goes on behind the ack, and says so", () => {
    const server = new ScriptedServer();
    const first = server.attach({});
    for (const each of ["1", "2", "3"]) server.sessions[0]?.send(each);
    takeAll(first);
    first.attachment.receive({ type: "ack", received: 2 });
    const again = server.attach(next(first, 2, 0));
    assert.equal(again.transport.last("attached").first, 3);
    assert.deepEqual(takeAll(again), ["3"]);
  });

  it("whose messages are acknowledged before they are written again still counts them", () => {
    const server = new ScriptedServer();
    const first = server.attach({});
    for (const each of ["1", "2", "3"]) server.sessions[0]?.send(each);
    takeAll(first);
    const again = server.attach(next(first, 2, 0));
    assert.equal(again.attachment.next(), "1");
    again.attachment.receive({ type: "ack", received: 3 });
    server.sessions[0]?.send("4");
    assert.deepEqual(takeAll(again), ["2", "3", "4"]);
    assert.equal(server.sessions[0]?.bufferedBytes, 1 + 64);
  });
});

describe("a session", () => {
  it("is announced once, with a transport, and may send more than a client that is away could be kept", () => {
    const server = new ScriptedServer({}, (session) => {
      for (let count = 0; count < 3; count += 1) assert.ok(session.send(new Uint8Array(200 * 1024)));
    });
    const attempt = server.attach({});
    assert.equal(takeAll(attempt).length, 3);
  });

  it("tells of its end also when it is closed while it is announced, and its client gets that", () => {
    const server = new ScriptedServer({}, (session) => session.close(4501, "not you"));
    const attempt = server.attach({});
    assert.deepEqual(server.ends, [{ cause: "local", code: 4501, reason: "not you" }]);
    assert.deepEqual(takeAll(attempt), [{ type: "close", code: 4501, reason: "not you" }]);
    attempt.attachment.receive({ type: "ack", received: 1 });
    assert.deepEqual(attempt.transport.detached, [1000]);
    assert.equal(server.registry.size, 0);
  });

  it("closes behind what was sent, and is kept until the client has all of it", () => {
    const server = new ScriptedServer();
    const first = server.attach({});
    server.sessions[0]?.send("last");
    assert.equal(server.sessions[0]?.close(1000, "done"), true);
    assert.equal(server.sessions[0]?.close(1000, "again"), false);
    assert.equal(server.sessions[0]?.send("more"), false);
    first.attachment.lost();
    const again = server.attach(next(first, 2));
    assert.deepEqual(takeAll(again), ["last", { type: "close", code: 1000, reason: "done" }]);
    again.attachment.receive({ type: "ack", received: 2 });
    assert.equal(server.registry.size, 0);
    assert.equal(server.ends.length, 1);
  });

  it("that is closed waits no longer than 120 s for the ack of that, whatever else comes", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    server.sessions[0]?.close(1000, "");
    for (let seconds = 0; seconds < 120; seconds += 20) {
      assert.equal(server.registry.size, 1);
      attempt.attachment.receive({ type: "pong" });
      server.clock.advance(20_000);
    }
    assert.equal(server.registry.size, 0);
    assert.deepEqual(attempt.transport.detached, [4009]);
    assert.equal(server.ends.length, 1);
  });

  it("that the client closes is acknowledged at once, and over", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    attachment.receive("last");
    attachment.receive({ type: "close", code: 1000, reason: "bye" });
    attachment.receive("behind the end");
    assert.equal(transport.last("ack").received, 2);
    assert.deepEqual(transport.detached, [1000]);
    assert.deepEqual(server.ends, [{ cause: "peer", code: 1000, reason: "bye" }]);
    assert.deepEqual(server.messages, ["last"]);
  });

  it("ends when its client breaks the protocol", () => {
    const breaches: ((server: ScriptedServer, attempt: Attempt) => void)[] = [
      (_, { attachment }) => attachment.receive({ type: "ack", received: 1 }),
      (_, { attachment }) => attachment.receive({ type: "goaway", afterMs: 1 }),
      (_, { attachment }) => attachment.receive({ type: "attach", attach: 9, received: 0 }),
      (server, { attachment }) => server.sessions[0]?.receiveBatch(attachment, { first: 2, received: 0 }, ["x"]),
      (server, { attachment }) => server.sessions[0]?.receiveBatch(attachment, { first: 1, received: 1 }, ["x"]),
    ];
    for (const [index, breach] of breaches.entries()) {
      const server = new ScriptedServer();
      const attempt = server.attach({});
      breach(server, attempt);
      assert.equal(server.ends[0]?.cause, "fault", `breach ${index}`);
      assert.deepEqual(attempt.transport.detached, [4500]);
      assert.deepEqual(server.messages, []);
    }
  });

  it("takes a request again, and of it only what is new", () => {
    const server = new ScriptedServer();
    const { attachment } = server.attach({ mode: "stream" });
    const [session] = server.sessions;
    session?.receiveBatch(attachment, { first: 1, received: 0 }, ["1", "2"]);
    session?.receiveBatch(attachment, { first: 1, received: 0 }, ["1", "2"]);
    session?.receiveBatch(attachment, { first: 2, received: 0 }, ["2", "3"]);
    assert.deepEqual(server.messages, ["1", "2", "3"]);
    assert.equal(session?.takeReceived(), 3);
  });

  it("remembers why only so many ended", () => {
    const server = new ScriptedServer({ maxEndedSessions: 2 });
    const attempts = ["one", "two", "three"].map((name) => server.attach({ key: `the-key-of-client-${name}` }));
    for (const session of server.sessions.slice()) session.drop("overflow");
    const reasons = attempts.map((attempt, index) => {
      const record = { ...next(attempt, 2), key: `another-key-of-client-${index}` };
      return server.attach(record).transport.last("attached").reason;
    });
    assert.deepEqual(reasons, ["expired", "overflow", "overflow"]);
  });
});

describe("a session that lets go of its transport", () => {
  it("gives it nothing more: what was sent in that turn comes over the next one", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    const [session] = server.sessions;
    session?.send("kept");
    session?.detach("stale");
    assert.deepEqual(attempt.transport.detached, [4010]);
    assert.deepEqual(takeAll(attempt), []);
    assert.deepEqual(takeAll(server.attach(next(attempt, 2))), ["kept"]);
  });
});

describe("a session that ends because its client broke the protocol", () => {
  it("lets its transport take what was sent before", () => {
    const server = new ScriptedServer();
    const attempt = server.attach({});
    const [session] = server.sessions;
    session?.send("the last words");
    const taken: unknown[] = [];
    Object.assign(attempt.transport, { fill: () => taken.push(...takeAll(attempt)) });
    session?.drop("fault");
    assert.deepEqual(taken, ["the last words"]);
    assert.deepEqual(attempt.transport.detached, [4500]);
  });

  it("is kept for nobody when that transport is lost meanwhile", () => {
    const server = new ScriptedServer();
    const { transport, attachment } = server.attach({});
    Object.assign(transport, { fill: () => attachment.lost() });
    server.clock.advance(1000);
    server.sessions[0]?.drop("fault");
    // It never was among those that are away: one that is over cannot be ended to make room.
    assert.equal(server.sessions[0]?.goneSinceMs, 0);
    assert.equal(server.registry.goneBytes, 0);
    assert.equal(server.registry.size, 0);
  });
});
