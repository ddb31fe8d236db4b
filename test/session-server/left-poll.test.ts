import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** That a client is away shows by the end of its session, which comes in a minute and more where polls are not watched. */
const limits = { pollHoldMs: 60_000, pongTimeoutMs: 60_000, pollReturnMs: 200, resumeWindowMs: 100 };

/** Opens a session whose polls this gives the bytes of. */
async function openPolls(port: number) {
  const http = await SessionRequester.connect(port);
  const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
  const poll = (number: number): Buffer =>
    post([{ type: "poll", attach: 1, poll: number, received: 0 }], { credentials });
  return { http, credentials, poll };
}

/** Asks with a poll, and for something else behind it, so that the poll is held when this resolves. */
async function parkPoll(port: number, { http, credentials, poll }: Awaited<ReturnType<typeof openPolls>>) {
  http.client.write(poll(1));
  const up = await SessionRequester.connect(port);
  assert.equal((await up.ask([{ type: "send", attach: 1, first: 1, received: 0 }], { credentials })).status, 200);
}

describe("a client that leaves a poll while it is held", () => {
  it("counts as away soon after, and not only when the poll would have been answered", async (t) => {
    const { port, sessions, log } = await setSessions(t, { limits });
    const client = await openPolls(port);
    await parkPoll(port, client);
    client.http.client.destroy();
    await log.waitFor("close");
    assert.deepEqual(log.of("close")[0]?.args, ["abnormal", { code: 4009, reason: "expired", wasClean: false }]);
    assert.equal(sessions.size, 0);
  });

  it("does not when it comes with another in time", async (t) => {
    const { port, channels, log } = await setSessions(t, { limits });
    const [stays, leaves] = [await openPolls(port), await openPolls(port)];
    await parkPoll(port, stays);
    await parkPoll(port, leaves);
    stays.http.client.destroy();
    const again = await SessionRequester.connect(port);
    again.client.write(stays.poll(2));
    leaves.http.client.destroy();
    // What is left later ends: so would this have, by now.
    await log.waitFor("close");
    channels[0]?.send("still here");
    assert.deepEqual((await again.answer()).records, ["still here"]);
  });

  it("has to attach again when it comes too late, and finds its session", async (t) => {
    const { port, log } = await setSessions(t, { limits: { ...limits, pollReturnMs: 50, resumeWindowMs: 60_000 } });
    const client = await openPolls(port);
    await parkPoll(port, client);
    client.http.client.destroy();
    const again = await SessionRequester.connect(port);
    const { credentials } = client;
    let status = 200;
    // An answer to a send counts as little as no answer: it is polls that carry what the server sends.
    const untilMs = Date.now() + 5000;
    while (status === 200 && Date.now() < untilMs) {
      ({ status } = await again.ask([{ type: "send", attach: 1, first: 1, received: 0 }], { credentials }));
    }
    assert.equal(status, 409);
    const resumed = await again.ask([attachRecord(2, { mode: "poll" })], { credentials });
    assert.equal(attachedOf(resumed.records).resumed, true);
    assert.equal(log.of("close").length, 0);
  });
});

describe("a client between two polls", () => {
  it("does not count as away", async (t) => {
    const { port, channels, log } = await setSessions(t, { limits });
    const [stays, leaves] = [await openPolls(port), await openPolls(port)];
    await parkPoll(port, stays);
    channels[0]?.send("first");
    assert.deepEqual((await stays.http.answer()).records, ["first"]);
    await parkPoll(port, leaves);
    leaves.http.client.destroy();
    await log.waitFor("close");
    channels[0]?.send("second");
    stays.http.client.write(stays.poll(2));
    assert.deepEqual((await stays.http.answer()).records, ["first", "second"]);
  });
});
