import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { SessionsOptions } from "../../src/index.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { type Answer, attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const busy = [{ type: "detach", code: 4006, reason: "busy" }];

/** Who a request says to be. */
const authorize = (request: Request): string | null => request.headers.get("x-user");

/** Opens a session over polls, which takes no connection of its own. */
function openSession(http: SessionRequester, fields: Record<string, string>): Promise<Answer> {
  return http.ask([attachRecord(1, { mode: "poll" })], { fields });
}

/** Sessions of users who come from wherever their requests say. */
function setBounded(t: Parameters<typeof setSessions>[0], limits: SessionsOptions<string>["limits"] = {}) {
  return setSessions<string>(t, { authorize, limits }, { trustProxy: 1 });
}

async function open(port: number, headers: Record<string, string>): Promise<SessionWebSocket> {
  const socket = await SessionWebSocket.open(port, { headers });
  await socket.attach(attachRecord(1));
  return socket;
}

/** Lets its session be, whose client counts as away from then on. */
async function leave(socket: SessionWebSocket): Promise<void> {
  socket.control({ type: "detach", code: 1000, reason: "" });
  await socket.socket.expectClose(1000);
}

async function expectBusy(port: number, headers: Record<string, string>): Promise<void> {
  const socket = await SessionWebSocket.open(port, { headers });
  socket.control(attachRecord(1));
  await socket.socket.expectClose(4006, { reason: "busy" });
}

describe("the sessions of one user", () => {
  it("are bounded, and those of others are not touched", async (t) => {
    const { port, sessions } = await setSessions(t, { authorize, limits: { maxSessionsPerOwner: 3 } });
    const http = await SessionRequester.connect(port);
    for (let count = 0; count < 3; count += 1) assert.equal((await openSession(http, { "x-user": "eve" })).status, 200);
    const refused = await openSession(http, { "x-user": "eve" });
    assert.deepEqual([refused.status, refused.records], [503, busy]);
    assert.equal((await openSession(http, { "x-user": "ada" })).status, 200);
    assert.equal(sessions.size, 4);
  });

  it("can be resumed at the bound, where another cannot be opened", async (t) => {
    const { port } = await setSessions(t, { authorize, limits: { maxSessionsPerOwner: 1 } });
    const http = await SessionRequester.connect(port);
    const fields = { "x-user": "ada" };
    const credentials = credentialsOf(attachedOf((await openSession(http, fields)).records));
    const resumed = await http.ask([attachRecord(2, { mode: "poll" })], { fields, credentials });
    assert.equal(attachedOf(resumed.records).resumed, true);
    assert.equal((await openSession(http, fields)).status, 503);
  });
});

/** Two that share a bound, and one whom it does not concern. */
const parties = {
  maxSessionsPerOwner: { same: { "x-user": "ada" }, other: { "x-user": "eve" } },
  maxSessionsPerAddress: {
    same: { "x-user": "ada", "X-Forwarded-For": "192.0.2.1" },
    other: { "x-user": "ada", "X-Forwarded-For": "192.0.2.2" },
  },
} as const;

for (const limit of ["maxSessionsPerOwner", "maxSessionsPerAddress"] as const) {
  const { same, other } = parties[limit];

  describe(`sessions that are bounded by ${limit}`, () => {
    it("make room for a new one: that of them which is left longest ends", async (t) => {
      const { port, channels, log } = await setBounded(t, { [limit]: 2 });
      const left = await open(port, same);
      const foreign = await open(port, other);
      await leave(foreign);
      await open(port, same);
      await leave(left);
      await open(port, same);
      const [{ args } = { args: [] }] = log.of("close");
      assert.deepEqual(args, ["overflow", { code: 4004, reason: "overflow", wasClean: false }]);
      assert.deepEqual(
        channels.map(({ isOpen }) => isOpen),
        [false, true, true, true],
      );
    });

    it("do not end for a new one when their clients are back", async (t) => {
      const { port, log } = await setBounded(t, { [limit]: 1 });
      const left = await SessionWebSocket.open(port, { headers: same });
      const credentials = credentialsOf(await left.attach(attachRecord(1)));
      await leave(left);
      const back = await SessionWebSocket.open(port, { headers: same });
      assert.equal((await back.attach(attachRecord(2, credentials))).resumed, true);
      await expectBusy(port, same);
      back.send("still here");
      assert.equal(await back.next(), "still here");
      assert.deepEqual(log.of("close"), []);
    });

    it("make no room once they have ended", async (t) => {
      const { port, log, sessions } = await setBounded(t, { [limit]: 2, resumeWindowMs: 60 });
      await open(port, same);
      await leave(await open(port, same));
      await log.waitFor("close");
      await open(port, same);
      await expectBusy(port, same);
      assert.equal(sessions.size, 2);
    });

    it("are no more once their clients were cut off and stayed away", async (t) => {
      const most = 5;
      const { port, sessions, log } = await setBounded(t, { [limit]: most, resumeWindowMs: 60 });
      for (let round = 1; round <= 3; round += 1) {
        const sockets: SessionWebSocket[] = [];
        for (let count = 0; count < most; count += 1) sockets.push(await open(port, same));
        await expectBusy(port, same);
        for (const { socket } of sockets) socket.client.destroy();
        await log.waitFor("close", { count: round * most });
        assert.equal(sessions.size, 0);
      }
    });
  });
}

describe("sessions that are bounded by several limits", () => {
  it("do not end for a client that is refused by another of them", async (t) => {
    const limits = { maxSessionsPerOwner: 1, maxSessionsPerAddress: 1, maxSessions: 2 };
    const { port, log } = await setBounded(t, limits);
    const left = await open(port, { "x-user": "ada", "X-Forwarded-For": "192.0.2.1" });
    await open(port, { "x-user": "eve", "X-Forwarded-For": "192.0.2.2" });
    await leave(left);
    await expectBusy(port, { "x-user": "ada", "X-Forwarded-For": "192.0.2.2" });
    await expectBusy(port, { "x-user": "eve", "X-Forwarded-For": "192.0.2.1" });
    assert.deepEqual(log.of("close"), []);
    await open(port, { "x-user": "bob", "X-Forwarded-For": "192.0.2.3" });
    assert.equal(log.of("close").length, 1);
    await expectBusy(port, { "x-user": "jim", "X-Forwarded-For": "192.0.2.4" });
  });
});

describe("the sessions from one address", () => {
  it("are bounded whoever asks, also for those without authorize", async (t) => {
    const { port, sessions } = await setSessions(t, { limits: { maxSessionsPerAddress: 2 } });
    const http = await SessionRequester.connect(port);
    for (let count = 0; count < 2; count += 1) assert.equal((await openSession(http, {})).status, 200);
    // Nobody has told the server to believe it.
    const refused = await openSession(http, { "X-Forwarded-For": "192.0.2.9" });
    assert.deepEqual([refused.status, refused.records], [503, busy]);
    assert.equal(sessions.size, 2);
  });

  it("are counted by what a trusted proxy saw, of IPv6 by the first 64 bits", async (t) => {
    const { port } = await setSessions(t, { limits: { maxSessionsPerAddress: 1 } }, { trustProxy: 1 });
    const http = await SessionRequester.connect(port);
    const from = async (address: string): Promise<number> =>
      (await openSession(http, { "X-Forwarded-For": `203.0.113.7, ${address}` })).status;
    const statuses: Record<string, number> = {};
    const addresses = [
      ["192.0.2.1", "192.0.2.1:4711", "::ffff:192.0.2.1", "192.0.2.2"],
      ["2001:db8::1", "2001:DB8:0:0:ffff:1:2:3", "[2001:db8::2]:443", "2001:db8:0:1::1", "::1", "::2", "::1:0:0:0:1"],
    ].flat();
    for (const address of addresses) statuses[address] = await from(address);
    assert.deepEqual(statuses, {
      "192.0.2.1": 200,
      "192.0.2.1:4711": 503,
      "::ffff:192.0.2.1": 503,
      "192.0.2.2": 200,
      "2001:db8::1": 200,
      "2001:DB8:0:0:ffff:1:2:3": 503,
      "[2001:db8::2]:443": 503,
      "2001:db8:0:1::1": 200,
      "::1": 200,
      "::2": 503,
      "::1:0:0:0:1": 200,
    });
  });
});
