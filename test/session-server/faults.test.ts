import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, createKey, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, messagesOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

describe("a session over a network that fails", () => {
  it("sends again what was in a response to a poll that got lost", async (t) => {
    const { port, channels } = await setSessions(t);
    const first = await SessionRequester.connect(port);
    const { records } = await first.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    channels[0]?.send("lost once");
    const lost = await first.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    assert.deepEqual(lost.records, ["lost once"]);
    // As far as the client knows, nothing of it came.
    first.client.reset();
    const second = await SessionRequester.connect(port);
    channels[0]?.send("and more");
    const again = await second.ask([{ type: "poll", attach: 1, poll: 2, received: 0 }], { credentials });
    assert.deepEqual(again.records, ["lost once", "and more"]);
  });

  it("goes on with the poll that comes when the one before was cut while it was held", async (t) => {
    const { port, channels } = await setSessions(t);
    const first = await SessionRequester.connect(port);
    const { records } = await first.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    first.client.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials }));
    await first.client.expectNothing(50);
    const second = await SessionRequester.connect(port);
    const polled = second.ask([{ type: "poll", attach: 1, poll: 2, received: 0 }], { credentials });
    // The one that was held is answered: it may only have been slow.
    assert.deepEqual((await first.answer()).records, [{ type: "ping" }]);
    channels[0]?.send("here");
    assert.deepEqual((await polled).records, ["here"]);
  });

  it("takes a POST that is made again once", async (t) => {
    const { port, log } = await setSessions(t);
    const client = await SessionRequester.connect(port);
    const { records } = await client.ask([attachRecord(1, { mode: "poll" })]);
    const credentials = credentialsOf(attachedOf(records));
    const send = [{ type: "send", attach: 1, first: 1, received: 0 }, "a", "b"] as const;
    const once = await client.ask(send, { credentials });
    const again = await client.ask([...send, "c"], { credentials });
    assert.deepEqual([once.records, again.records], [[{ type: "ack", received: 2 }], [{ type: "ack", received: 3 }]]);
    assert.deepEqual(messagesOf(log), ["a", "b", "c"]);
  });

  it("refuses the late duplicate of an attach, and of what belonged to it", async (t) => {
    const { port, channels, log } = await setSessions(t);
    const client = await SessionRequester.connect(port);
    const key = createKey();
    const first = attachRecord(1, { mode: "poll", key });
    const attached = attachedOf((await client.ask([first])).records);
    const socket = await SessionWebSocket.open(port);
    const present = await socket.attach(attachRecord(2, credentialsOf(attached)));
    const late = await client.ask([first]);
    assert.equal(late.status, 409);
    assert.deepEqual(late.records, [{ type: "detach", code: 4001, reason: "superseded" }]);
    const credentials = credentialsOf(present);
    const send = await client.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "late"], { credentials });
    assert.deepEqual(send.records, late.records);
    const poll = await client.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials });
    assert.deepEqual(poll.records, late.records);
    channels[0]?.send("not disturbed");
    assert.equal(await socket.next(), "not disturbed");
    assert.equal(channels.length, 1);
    assert.deepEqual(messagesOf(log), []);
  });

  it("gives two attaches with one key one session: the answer to the first got lost", async (t) => {
    const { port, channels } = await setSessions(t);
    const key = createKey();
    const lost = await SessionWebSocket.open(port);
    const first = await lost.attach(attachRecord(1, { key }));
    lost.socket.client.reset();
    const socket = await SessionWebSocket.open(port);
    const second = await socket.attach(attachRecord(2, { key }));
    assert.equal(second.session, first.session);
    assert.equal(channels.length, 1);
  });

  it("is carried by the later of two attaches that resume it at once, and by nothing else", async (t) => {
    const { port, channels, log } = await setSessions(t);
    const first = await SessionWebSocket.open(port);
    const credentials = credentialsOf(await first.attach(attachRecord(1)));
    const [one, two] = await Promise.all([SessionWebSocket.open(port), SessionWebSocket.open(port)]);
    one.control(attachRecord(2, credentials));
    two.control(attachRecord(3, credentials));
    assert.equal((await two.nextControl("attached")).resumed, true);
    // Whichever came first: the one was carried and let go, or came too late.
    const answers = [await one.next()];
    if ((answers[0] as { type: string }).type === "attached") answers.push(await one.next());
    assert.deepEqual(answers.at(-1), { type: "detach", code: 4001, reason: "superseded" });
    one.send("not counted");
    two.send("counted");
    assert.equal(await two.next(), "counted");
    assert.deepEqual(messagesOf(log), ["counted"]);
    assert.equal(channels.length, 1);
  });

  it("may be attached to again over a WebSocket that was superseded", async (t) => {
    const { port, channels } = await setSessions(t);
    const first = await SessionWebSocket.open(port);
    const second = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1));
    const resumed = await second.attach(attachRecord(2, credentialsOf(attached)));
    await first.nextControl("detach");
    const back = await first.attach(attachRecord(3, credentialsOf(resumed)));
    assert.equal(back.resumed, true);
    channels[0]?.send("here");
    assert.equal(await first.next(), "here");
  });

  it("closes a superseded WebSocket that stays with 4001 after a while", async (t) => {
    const { port } = await setSessions(t, { limits: { attachTimeoutMs: 50 } });
    const first = await SessionWebSocket.open(port);
    const second = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1));
    await second.attach(attachRecord(2, credentialsOf(attached)));
    await first.nextControl("detach");
    await first.socket.expectClose(4001);
  });

  it("drops what a client that is gone does not acknowledge in time, and tells it so", async (t) => {
    const { port, log } = await setSessions(t, { limits: { resumeWindowMs: 100 } });
    const first = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1));
    first.socket.client.reset();
    const { args } = await log.waitFor("close");
    assert.deepEqual(args, ["abnormal", { code: 4009, reason: "expired", wasClean: false }]);
    const second = await SessionWebSocket.open(port);
    const again = await second.attach(attachRecord(2, credentialsOf(attached)));
    assert.deepEqual([again.resumed, again.reason], [false, "expired"]);
    assert.equal(log.of("close").length, 1);
  });
});
