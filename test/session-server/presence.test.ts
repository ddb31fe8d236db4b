import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions, type SessionChannel, type SessionsOptions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { deferred, eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** Sessions that note who is there: `presence` (isPresent), `close` (status). @param wait - what the handler returns */
async function setPresence(
  t: Parameters<typeof setServer>[0],
  limits: SessionsOptions<undefined>["limits"] = {},
  wait?: () => unknown,
  authorize?: () => Promise<true>,
) {
  const log = new Recorder();
  const channels: SessionChannel<unknown>[] = [];
  const sessions = createSessions<unknown>({ limits, ...(authorize && { authorize }) });
  const use = (channel: SessionChannel<unknown>): void => {
    channels.push(channel);
    log.record("open", channel.isPresent);
    channel.onPresence((isPresent) => {
      log.record("presence", isPresent, channel.isPresent);
      return wait?.();
    });
    channel.onReceive((message) => log.record("message", message));
    channel.onClose(() => log.record("close", channel.isPresent));
  };
  const set = await setServer(t, (request) => sessions.accept(request, use));
  return { ...set, log, channels };
}

const told = (log: Recorder): unknown[] => log.of("presence").map(({ args }) => args[0]);

describe("the presence of a client", () => {
  it("is told when its WebSocket is lost and when it is back, and not at the end", async (t) => {
    const { port, log, channels } = await setPresence(t);
    const first = await SessionWebSocket.open(port);
    const answer = await first.attach(attachRecord(1));
    assert.equal(channels[0]?.isPresent, true);
    first.socket.client.reset();
    await log.waitFor("presence");
    assert.equal(channels[0].isPresent, false);
    assert.ok(channels[0].isOpen);
    const second = await SessionWebSocket.open(port);
    await second.attach(attachRecord(2, credentialsOf(answer)));
    await log.waitFor("presence", { count: 2 });
    channels[0].close();
    await log.waitFor("close");
    // Its transport is lost before it has acknowledged the end: the session is kept for that, and closed all the same.
    await second.nextControl("close");
    second.control({ type: "detach", code: 1000, reason: "" });
    await second.socket.expectClose(1000);
    assert.deepEqual(
      log.entries.map(({ event, args }) => [event, ...args]),
      [
        ["open", true],
        ["presence", false, false],
        ["presence", true, true],
        ["close", false],
      ],
    );
  });

  it("does not change while it moves to another transport, and between two polls", async (t) => {
    const { port, log, channels } = await setPresence(t);
    const socket = await SessionWebSocket.open(port);
    const answer = await socket.attach(attachRecord(1));
    const polls = await SessionRequester.connect(port);
    const { records } = await polls.ask([attachRecord(2, { mode: "poll" })], { credentials: credentialsOf(answer) });
    await socket.nextControl("detach");
    socket.socket.client.reset();
    const credentials = credentialsOf(attachedOf(records));
    channels[0]?.send("a");
    await polls.ask([{ type: "poll", attach: 2, poll: 1, received: 0 }], { credentials });
    assert.equal(channels[0]?.isPresent, true);
    channels[0].send("b");
    await polls.ask([{ type: "poll", attach: 2, poll: 2, received: 1 }], { credentials });
    assert.deepEqual(told(log), []);
  });

  for (const mode of ["stream", "poll"] as const) {
    it(`ends with a ${mode} whose client says nothing any more`, async (t) => {
      const limits = { pingIntervalMs: 100, pollHoldMs: 100, pongTimeoutMs: 100 };
      const { port, log } = await setPresence(t, limits);
      const requester = await SessionRequester.connect(port);
      if (mode === "stream") await requester.stream([attachRecord(1, { mode })]);
      else await requester.ask([attachRecord(1, { mode })]);
      await log.waitFor("presence");
      assert.deepEqual(told(log), [false]);
    });
  }

  it("ends with a stream at once when its client goes", async (t) => {
    const { port, log } = await setPresence(t);
    const requester = await SessionRequester.connect(port);
    await requester.stream([attachRecord(1, { mode: "stream" })]);
    requester.client.reset();
    await log.waitFor("presence");
    assert.deepEqual(told(log), [false]);
  });

  for (const mode of ["stream", "poll"] as const) {
    it(`stays as it is when another transport was left while it was asked who it is: a ${mode}`, async (t) => {
      let count = 0;
      const asked = deferred();
      const answer = deferred();
      const authorize = async (): Promise<true> => {
        count += 1;
        if (count === 3) asked.resolve();
        if (count > 1) await answer.promise;
        return true;
      };
      const { port, log, channels } = await setPresence(t, {}, undefined, authorize);
      const works = await SessionWebSocket.open(port);
      const credentials = credentialsOf(await works.attach(attachRecord(1)));
      const leaves = await SessionRequester.connect(port);
      leaves.client.write(post([attachRecord(2, { mode, ...credentials })]));
      // One that opens a session would open none for nobody.
      const opens = await SessionRequester.connect(port);
      opens.client.write(post([attachRecord(1, { mode, key: "a-key-of-somebody-else" })]));
      await asked.promise;
      leaves.client.reset();
      opens.client.reset();
      // The server has read their ends before it answers this.
      const other = await SessionRequester.connect(port);
      assert.equal((await other.ask([], { fields: { "channelkit-protocol": null } })).status, 403);
      answer.resolve();
      works.send("still here");
      await log.waitFor("message");
      assert.deepEqual(told(log), []);
      assert.equal(log.of("open").length, 1);
      assert.equal(channels[0]?.isPresent, true);
    });
  }

  it("is told one call at a time, and as it is by then", async (t) => {
    const gate = deferred();
    const { port, log, channels } = await setPresence(t, {}, () => gate.promise);
    const first = await SessionWebSocket.open(port);
    let answer = await first.attach(attachRecord(1));
    first.socket.client.reset();
    await log.waitFor("presence");
    for (const attach of [2, 3]) {
      const again = await SessionWebSocket.open(port);
      answer = await again.attach(attachRecord(attach, credentialsOf(answer)));
      again.send(`from ${attach}`);
      await log.waitFor("message", { count: attach - 1 });
      if (attach === 2) again.socket.client.reset();
    }
    assert.deepEqual(told(log), [false]);
    gate.resolve();
    await log.waitFor("presence", { count: 2 });
    assert.deepEqual(told(log), [false, true]);
    assert.ok(channels[0]?.isPresent);
  });

  it("is not told in the middle of the send for which its transport ends", async (t) => {
    const { port, log, channels } = await setPresence(t, { maxUnacknowledgedBytes: 1000 });
    const socket = await SessionWebSocket.open(port);
    await socket.attach(attachRecord(1));
    for (let times = 0; times < 2; times += 1) channels[0]?.send("x".repeat(600));
    log.record("sent", channels[0]?.isPresent);
    await log.waitFor("presence");
    assert.deepEqual(
      log.entries.map(({ event, args }) => [event, ...args]),
      [
        ["open", true],
        ["sent", false],
        ["presence", false, false],
      ],
    );
  });

  it("is told at once to who asks when it has left, of what throws and rejects, and once only", async (t) => {
    const { port, errors } = await setServer(t, (request) =>
      sessions.accept(request, async (channel) => {
        await left.promise;
        channel.onPresence((isPresent) => {
          log.record("presence", isPresent);
          if (isPresent) throw new Error("there");
          return Promise.reject(new Error("away"));
        });
        const again = (): void => channel.onPresence(() => undefined);
        assert.throws(again, { name: "ChannelError", code: "HANDLER_ALREADY_SET" });
        const none = (): void => channel.onPresence("none" as unknown as () => void);
        assert.throws(none, { name: "ChannelError", code: "INVALID_ARGUMENT" });
      }),
    );
    const log = new Recorder();
    const left = deferred();
    const sessions = createSessions();
    const first = await SessionWebSocket.open(port);
    const answer = await first.attach(attachRecord(1));
    first.socket.client.reset();
    const [channel] = sessions;
    await eventually(() => assert.equal(channel?.isPresent, false));
    left.resolve();
    await log.waitFor("presence");
    const second = await SessionWebSocket.open(port);
    await second.attach(attachRecord(2, credentialsOf(answer)));
    await log.waitFor("presence", { count: 2 });
    assert.deepEqual(told(log), [false, true]);
    assert.deepEqual(
      errors.map(({ code, details, cause }) => [code, details, String(cause)]),
      ["away", "there"].map((text) => [
        "HANDLER_FAILED",
        { handler: "onPresence", channelId: channel?.id },
        `Error: ${text}`,
      ]),
    );
  });
});
