import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
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

  it("make room for a new one: that of them which is left longest ends", async (t) => {
    const { port, channels, log } = await setSessions(t, { authorize, limits: { maxSessionsPerOwner: 2 } });
    const left = await SessionWebSocket.open(port, { headers: { "x-user": "ada" } });
    await left.attach(attachRecord(1));
    const other = await SessionWebSocket.open(port, { headers: { "x-user": "eve" } });
    await other.attach(attachRecord(1));
    other.socket.client.destroy();
    const stays = await SessionWebSocket.open(port, { headers: { "x-user": "ada" } });
    await stays.attach(attachRecord(1));
    left.control({ type: "detach", code: 1000, reason: "" });
    await left.socket.expectClose(1000);
    const next = await SessionWebSocket.open(port, { headers: { "x-user": "ada" } });
    await next.attach(attachRecord(1));
    const [{ args } = { args: [] }] = log.of("close");
    assert.deepEqual(args, ["overflow", { code: 4004, reason: "overflow", wasClean: false }]);
    assert.deepEqual(
      channels.map(({ isOpen }) => isOpen),
      [false, true, true, true],
    );
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

  for (const limit of ["maxSessionsPerOwner", "maxSessionsPerAddress"] as const) {
    it(`are no more once their clients were cut off and stayed away, by ${limit}`, async (t) => {
      const most = 5;
      const limits = { [limit]: most, resumeWindowMs: 60 };
      const { port, sessions, log } = await setSessions(t, { authorize, limits });
      for (let round = 1; round <= 3; round += 1) {
        const sockets: SessionWebSocket[] = [];
        for (let count = 0; count < most; count += 1) {
          const socket = await SessionWebSocket.open(port, { headers: { "x-user": "ada" } });
          await socket.attach(attachRecord(1));
          sockets.push(socket);
        }
        const refused = await SessionWebSocket.open(port, { headers: { "x-user": "ada" } });
        refused.control(attachRecord(1));
        await refused.socket.expectClose(4006, { reason: "busy" });
        for (const { socket } of sockets) socket.client.destroy();
        await log.waitFor("close", { count: round * most });
        assert.equal(sessions.size, 0);
      }
    });
  }
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
