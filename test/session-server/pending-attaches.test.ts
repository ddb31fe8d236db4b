import assert from "node:assert/strict";
import { afterEach, describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SessionLimits } from "../../src/index.ts";
import { type Deferred, deferred, eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** Sessions whose users are known when the test says so. */
async function setAsked(t: TestContext, limits: Partial<SessionLimits>) {
  const asked = new Recorder();
  const answers: Deferred<string>[] = [];
  const authorize = (): Promise<string> => {
    const answer = deferred<string>();
    answers.push(answer);
    asked.record("authorize");
    return answer.promise;
  };
  return { asked, answers, ...(await setSessions<string>(t, { authorize, limits })) };
}

/** Asks over a connection that then is cut. */
const leaving: Readonly<Record<string, (port: number) => Promise<() => void>>> = {
  "a WebSocket": async (port) => {
    const socket = await SessionWebSocket.open(port);
    socket.control(attachRecord(1));
    return () => socket.socket.client.reset();
  },
  "a stream": async (port) => {
    const http = await SessionRequester.connect(port);
    http.client.write(post([attachRecord(1, { mode: "stream" })]));
    return () => http.client.reset();
  },
  "a poll": async (port) => {
    const http = await SessionRequester.connect(port);
    http.client.write(post([attachRecord(1, { mode: "poll" })]));
    return () => http.client.reset();
  },
};

async function expectBusy(port: number): Promise<void> {
  const socket = await SessionWebSocket.open(port);
  socket.control(attachRecord(1));
  await socket.socket.expectClose(4006, { reason: "busy" });
  const http = await SessionRequester.connect(port);
  const { status, records } = await http.ask([attachRecord(1, { mode: "poll" })]);
  assert.deepEqual([status, records], [503, [{ type: "detach", code: 4006, reason: "busy" }]]);
}

for (const [what, ask] of Object.entries(leaving)) {
  describe(`attaches over ${what} that wait for authorize`, () => {
    it("are bounded, those of clients that have left among them, until they are answered", async (t) => {
      const most = 20;
      const { port, asked, answers, errors } = await setAsked(t, { maxPendingAttaches: most });
      for (let round = 1; round <= 3; round += 1) {
        for (let count = 1; count <= most; count += 1) {
          const leave = await ask(port);
          await asked.waitFor("authorize", { count: (round - 1) * most + count });
          leave();
        }
        await expectBusy(port);
        // Nobody was asked who those are that are refused.
        assert.equal(answers.length, most);
        for (const { resolve } of answers.splice(0)) resolve("ada");
      }
      assert.deepEqual(errors, []);
    });

    it("give their places back when authorize takes too long", async (t) => {
      const { port, asked, errors } = await setAsked(t, { maxPendingAttaches: 1, authorizeTimeoutMs: 100 });
      (await ask(port))();
      await asked.waitFor("authorize");
      await eventually(() => assert.equal(errors.length, 1));
      await ask(port);
      await asked.waitFor("authorize", { count: 2 });
    });
  });
}

describe("an attach of a poll whose client leaves before it is answered", () => {
  it("keeps no place from another: it opens no session, or one that counts as left soon after", async (t) => {
    const limits = { pollReturnMs: 50, pollHoldMs: 60_000, pongTimeoutMs: 60_000, maxSessions: 1 };
    const { port, asked, answers, channels } = await setAsked(t, limits);
    (await leaving["a poll"]?.(port))?.();
    await asked.waitFor("authorize");
    const http = await SessionRequester.connect(port);
    // Most often the server has read its end before it answers this, and in the turn of the answer else.
    assert.equal((await http.ask([], { fields: { "channelkit-protocol": null } })).status, 403);
    answers[0]?.resolve("ada");
    await nextTurn();
    await eventually(() => assert.ok(channels.every(({ isPresent }) => !isPresent)));
    http.client.write(post([attachRecord(1, { mode: "poll" })]));
    await asked.waitFor("authorize", { count: 2 });
    answers[1]?.resolve("eve");
    assert.equal(attachedOf((await http.answer()).records).resumed, false);
  });
});
