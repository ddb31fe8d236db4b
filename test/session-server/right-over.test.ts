import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { connect } from "../../src/client.ts";
import { isChannelError, type SessionsOptions } from "../../src/index.ts";
import { Condition } from "../support/condition.ts";
import { deferred, eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { stopWall } from "../support/wall.ts";
import { attachRecord, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

type User = { readonly id: string; readonly endMs: number | undefined };

const stale = { type: "detach", code: 4010, reason: "stale" } as const;
/** What asks for a new token before that. */
const renewal = { type: "goaway", afterMs: 0 } as const;

/** A token is who it is, and for how many milliseconds from its first use it holds; without a number, for ever. */
function createAuthorize(): (request: Request) => User | undefined {
  const ends = new Map<string, number>();
  return ({ headers }) => {
    const [, token = "", id = "", ms] =
      /^Bearer (([a-z]+)(\d*)(?:-\d+)?)$/.exec(headers.get("authorization") ?? "") ?? [];
    if (id === "") return undefined;
    if (ms === undefined || ms === "") return { id, endMs: undefined };
    const endMs = ends.get(token) ?? Date.now() + Number(ms);
    ends.set(token, endMs);
    return { id, endMs };
  };
}

const bearer = (token: string) => ({ fields: { Authorization: `Bearer ${token}` } });

/** Times at which a token that holds for 400 ms is to be renewed, and over, by a clock that stands in between. */
const renewalAtMs = 350;
const overAtMs = 400;

function setUsers(t: Parameters<typeof setSessions>[0], limits: SessionsOptions<User>["limits"] = {}) {
  // With a clock whose beats are short, as tokens are here.
  const fine = { ackDelayMs: 300, ...limits };
  return setSessions<User>(t, { authorize: createAuthorize(), expiresAtMs: ({ endMs }) => endMs, limits: fine });
}

describe("a right to sessions that is over", () => {
  it("ends the WebSocket with 4010, and its client goes on with a new token", async (t) => {
    const setWall = stopWall(t);
    const { port, channels, sessions } = await setUsers(t);
    const first = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await first.attach(attachRecord(1, { token: "ada400" })));
    channels[0]?.send("in time");
    assert.equal(await first.next(), "in time");
    setWall(renewalAtMs);
    assert.deepEqual(await first.next(), renewal);
    setWall(overAtMs);
    await first.socket.expectClose(4010, { reason: "stale" });
    channels[0]?.send("meanwhile");
    const second = await SessionWebSocket.open(port);
    second.control(attachRecord(2, { ...credentials, token: "ada400" }));
    await second.socket.expectClose(4010, { reason: "stale" });
    const third = await SessionWebSocket.open(port);
    const resumed = await third.attach(attachRecord(3, { ...credentials, received: 1, token: "ada" }));
    assert.equal(resumed.resumed, true);
    assert.equal(await third.next(), "meanwhile");
    assert.equal(sessions.size, 1);
  });

  it("ends a stream with 4010, and refuses what is sent beside it", async (t) => {
    const setWall = stopWall(t);
    const { port, sessions } = await setUsers(t);
    const down = await SessionRequester.connect(port);
    const attached = await down.stream([attachRecord(1, { mode: "stream" })], bearer("ada400"));
    setWall(renewalAtMs);
    assert.deepEqual(await down.nextRecords(), [renewal]);
    setWall(overAtMs);
    assert.deepEqual(await down.nextRecords(), [stale]);
    const up = await SessionRequester.connect(port);
    const credentials = credentialsOf(attached);
    const sent = await up.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "late"], { credentials });
    assert.equal(sent.status, 409);
    assert.equal(sessions.size, 1);
  });

  it("answers a poll that is held with 4010", async (t) => {
    const setWall = stopWall(t);
    const { port, sessions } = await setUsers(t);
    const http = await SessionRequester.connect(port);
    const { records } = await http.ask([attachRecord(1, { mode: "poll" })], bearer("ada400"));
    let credentials = credentialsOf(attachedOf(records));
    http.client.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials }));
    await http.client.expectNothing(50);
    setWall(renewalAtMs);
    const asked = await http.answer();
    assert.deepEqual([asked.status, asked.records], [200, [renewal]]);
    // It has no other one yet, and is not asked again.
    const again = await http.ask([attachRecord(2, { mode: "poll" })], { credentials, ...bearer("ada400") });
    credentials = credentialsOf(attachedOf(again.records));
    http.client.write(post([{ type: "poll", attach: 2, poll: 1, received: 0 }], { credentials }));
    await http.client.expectNothing(200);
    setWall(overAtMs);
    const answer = await http.answer();
    assert.deepEqual([answer.status, answer.records], [403, [stale]]);
    const resumed = await http.ask([attachRecord(3, { mode: "poll" })], { credentials, ...bearer("ada") });
    assert.equal(attachedOf(resumed.records).resumed, true);
    assert.equal(sessions.size, 1);
  });

  it("is renewed over the same transport before that, without a loss", async (t) => {
    const setWall = stopWall(t);
    const { port, channels } = await setUsers(t);
    const renews = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await renews.attach(attachRecord(1, { token: "ada400" })));
    const other = await SessionWebSocket.open(port);
    await other.attach(attachRecord(1, { token: "eve400" }));
    const again = await renews.attach(attachRecord(2, { ...credentials, token: "ada" }));
    assert.equal(again.resumed, true);
    // What would come of the first token comes before what comes of that of the other one, which began later.
    setWall(renewalAtMs);
    assert.deepEqual(await other.next(), renewal);
    setWall(overAtMs);
    await other.socket.expectClose(4010, { reason: "stale" });
    channels[0]?.send("still here");
    assert.equal(await renews.next(), "still here");
  });

  for (const comesBack of [true, false]) {
    const what = comesBack
      ? "no absence of a client that comes back with a new token"
      : "one of a client that does not";
    it(`is ${what}`, async (t) => {
      const setWall = stopWall(t);
      // Of the one that comes back nobody waits for so long, so that its absence is that of its second transport.
      const { port, channels } = await setUsers(t, { pollReturnMs: comesBack ? 10_000 : 1000 });
      const log = new Recorder();
      const socket = await SessionWebSocket.open(port);
      const credentials = credentialsOf(await socket.attach(attachRecord(1, { token: "ada400" })));
      channels[0]?.onPresence((isPresent) => log.record("presence", isPresent));
      setWall(renewalAtMs);
      assert.deepEqual(await socket.next(), renewal);
      setWall(overAtMs);
      await socket.socket.expectClose(4010, { reason: "stale" });
      assert.equal(channels[0]?.isPresent, true);
      const endedMs = performance.now();
      if (comesBack) {
        const again = await SessionWebSocket.open(port);
        await again.attach(attachRecord(2, { ...credentials, token: "ada" }));
        again.socket.client.reset();
      }
      await log.waitFor("presence");
      assert.deepEqual(
        log.of("presence").map(({ args }) => args[0]),
        [false],
      );
      if (!comesBack) assert.ok(performance.now() - endedMs > 800);
    });
  }

  it("ends the session when its client does not come back within the window", async (t) => {
    const { port, log, sessions } = await setUsers(t, { resumeWindowMs: 100 });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1, { token: "ada400" }));
    await log.waitFor("close");
    assert.deepEqual(log.of("close")[0]?.args, ["abnormal", { code: 4009, reason: "expired", wasClean: false }]);
    assert.equal(sessions.size, 0);
  });

  it("is renewed by the client, which asks for a token at each attach", async (t) => {
    const { port, sessions, channels } = await setUsers(t);
    const condition = new Condition();
    let asked = 0;
    let renewed = 0;
    const messages: unknown[] = [];
    const client = connect(`http://127.0.0.1:${port}/`, {
      // While it is connecting it may ask for more than one transport, and each gets a token of its own.
      token: () => {
        asked += 1;
        if (messages.length === 0) return `ada300-${asked}`;
        renewed += 1;
        condition.changed();
        return "ada";
      },
    });
    t.after(() => client.close());
    client.onReceive((message) => {
      messages.push(message);
      condition.changed();
    });
    client.send("before");
    const waiting = { timeoutMs: 20_000, atTimeout: () => assert.fail(`${asked} asked, ${renewed} renewed`) };
    await condition.until(() => renewed || undefined, waiting);
    channels[0]?.send("after");
    await condition.until(() => messages[1], waiting);
    assert.deepEqual(messages, ["before", "after"]);
    assert.equal(sessions.size, 1);
  });

  for (const [what, endMs] of Object.entries<() => unknown>({
    NaN: () => Number.NaN,
    Infinity: () => Infinity,
    seconds: () => Math.floor(Date.now() / 1000) + 60,
    text: () => "2100-01-01",
    null: () => null,
    "a promise that is rejected": () => Promise.reject(new Error("down")),
    "nothing, since it throws": () => assert.fail("down"),
  })) {
    it(`is none when expiresAtMs returns ${what}: that refuses the client, and is reported`, async (t) => {
      const expiresAtMs = endMs as () => number;
      const { port, errors, sessions } = await setSessions(t, { authorize: () => "ada", expiresAtMs });
      const socket = await SessionWebSocket.open(port);
      socket.control(attachRecord(1));
      await socket.socket.expectClose(4501, { reason: "denied" });
      assert.deepEqual(
        errors.map(({ code, details }) => [code, "handler" in details && details.handler]),
        [["HANDLER_FAILED", "expiresAtMs"]],
      );
      const text =
        /^The expiresAtMs handler must return milliseconds since 1970, and not seconds, or undefined, but it /;
      if (what.endsWith("throws")) assert.match(String(errors[0]?.cause), /down/);
      else assert.match(errors[0]?.message ?? "", text);
      assert.equal(sessions.size, 0);
    });
  }
});

describe("closeUser", () => {
  it("closes all sessions of a user, over whatever transport and away, and none of others", async (t) => {
    const { port, channels, sessions, log } = await setUsers(t);
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1, { token: "ada" }));
    const stream = await SessionRequester.connect(port);
    await stream.stream([attachRecord(1, { mode: "stream" })], bearer("ada"));
    const poll = await SessionRequester.connect(port);
    const polled = await poll.ask([attachRecord(1, { mode: "poll" })], bearer("ada"));
    const away = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await away.attach(attachRecord(1, { token: "ada" })));
    away.control({ type: "detach", code: 1000, reason: "" });
    await away.socket.expectClose(1000);
    const other = await SessionWebSocket.open(port);
    await other.attach(attachRecord(1, { token: "eve" }));
    channels[0]?.send("last words");
    poll.client.write(
      post([{ type: "poll", attach: 1, poll: 1, received: 0 }], {
        credentials: credentialsOf(attachedOf(polled.records)),
      }),
    );

    assert.equal(sessions.closeUser("ada", 4600, "logged out"), 4);
    const end = { type: "close", code: 4600, reason: "logged out" };
    assert.equal(await socket.next(), "last words");
    assert.deepEqual(await socket.next(), end);
    assert.deepEqual(await stream.nextRecords(), [end]);
    assert.deepEqual((await poll.answer()).records, [end]);
    const back = await SessionWebSocket.open(port);
    await back.attach(attachRecord(2, { ...credentials, token: "ada" }));
    assert.deepEqual(await back.next(), end);
    assert.deepEqual(
      log.of("close").map(({ args }) => args),
      Array.from({ length: 4 }, () => ["server-close", { code: 4600, reason: "logged out", wasClean: true }]),
    );
    assert.equal(sessions.closeUser("ada"), 0);
    assert.equal(sessions.size, 1);
    channels[4]?.send("still here");
    assert.equal(await other.next(), "still here");
  });

  it("counts for an answer of authorize that was on its way: who had it has to ask again, and others have not", async (t) => {
    const asked: string[] = [];
    const gates = [deferred(), deferred()];
    const banned = new Set<string>();
    const authorize = async ({ headers }: Request): Promise<string | false> => {
      const user = headers.get("x-user") ?? "";
      const isKnown = !banned.has(user);
      await gates[asked.push(user) - 1]?.promise;
      return isKnown && user;
    };
    const { port, sessions } = await setSessions<string>(t, { authorize });
    const attach = async (user: string): Promise<SessionWebSocket> => {
      const socket = await SessionWebSocket.open(port, { headers: { "x-user": user } });
      socket.control(attachRecord(1));
      return socket;
    };
    const ada = await attach("ada");
    await eventually(() => assert.deepEqual(asked, ["ada"]));
    const eve = await attach("eve");
    await eventually(() => assert.deepEqual(asked, ["ada", "eve"]));
    banned.add("ada");
    assert.equal(sessions.closeUser("ada"), 0);
    for (const gate of gates) gate.resolve();
    await ada.socket.expectClose(4010, { reason: "stale" });
    await eve.nextControl("attached");
    await (await attach("ada")).socket.expectClose(4501, { reason: "denied" });
    assert.equal(sessions.size, 1);
  });

  it("throws for what is no user, and for what cannot stand in a Close frame", async (t) => {
    const { sessions } = await setUsers(t);
    const wrong = [[""], [undefined], [{ id: "ada" }], ["ada", 1006], ["ada", 4001], ["ada", 1000, "x".repeat(124)]];
    for (const args of wrong as Parameters<typeof sessions.closeUser>[]) {
      const call = (): number => sessions.closeUser(...args);
      assert.throws(call, (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT");
    }
  });
});
