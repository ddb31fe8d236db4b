import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { connect } from "../../src/client.ts";
import { OpeningRates } from "../../src/session/opening-rates.ts";
import { createFaultProxy } from "../../src/testing.ts";
import { eventually } from "../support/expect.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { type Answer, attachRecord, credentialsOf, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const busy = [{ type: "detach", code: 4006, reason: "busy" }];

function open(http: SessionRequester, address?: string): Promise<Answer> {
  const fields = address === undefined ? {} : { "X-Forwarded-For": address };
  return http.ask([attachRecord(1, { mode: "poll" })], { fields });
}

describe("a session that is attached to again and again", () => {
  it("is refused beyond maxAttachesPerMinute, stays as it is, and can be resumed later", async (t) => {
    const { port, sessions, log } = await setSessions(t, { limits: { maxAttachesPerMinute: 60 } });
    const http = await SessionRequester.connect(port);
    let credentials = credentialsOf(attachedOf((await open(http)).records));
    const resume = (attach: number): Promise<Answer> =>
      http.ask([attachRecord(attach, { mode: "poll" })], { credentials });
    let attach = 1;
    let answer = await resume(++attach);
    while (answer.status === 200 && attach < 100) {
      assert.equal(attachedOf(answer.records).resumed, true);
      credentials = credentialsOf(attachedOf(answer.records));
      answer = await resume(++attach);
    }
    assert.ok(attach >= 62 && attach < 70, `refused at attach ${attach}`);
    assert.deepEqual([answer.status, answer.records], [503, busy]);
    // What carries it does so still.
    const send = { type: "send", attach: attach - 1, first: 1, received: 0 } as const;
    assert.deepEqual((await http.ask([send, "still here"], { credentials })).records, [{ type: "ack", received: 1 }]);
    const socket = await SessionWebSocket.open(port);
    socket.control(attachRecord(++attach, credentials));
    await socket.socket.expectClose(4006, { reason: "busy" });
    await eventually(
      async () => {
        answer = await resume(++attach);
        assert.equal(answer.status, 200);
      },
      { timeoutMs: 5000 },
    );
    assert.equal(attachedOf(answer.records).resumed, true);
    assert.equal(sessions.size, 1);
    assert.deepEqual(log.of("close"), []);
  });

  it("is counted by itself: others are not touched", async (t) => {
    const { port } = await setSessions(t, { limits: { maxAttachesPerMinute: 1 } });
    const http = await SessionRequester.connect(port);
    for (let count = 0; count < 3; count += 1) {
      const credentials = credentialsOf(attachedOf((await open(http)).records));
      const [first, second] = [attachRecord(2, { mode: "poll" }), attachRecord(3, { mode: "poll" })];
      const resumed = attachedOf((await http.ask([first], { credentials })).records);
      const again = await http.ask([second], { credentials: credentialsOf(resumed) });
      assert.equal(again.status, 503);
    }
  });

  it("is refused also where its key is used again, by a client that never got an answer", async (t) => {
    const { port, sessions } = await setSessions(t, { limits: { maxAttachesPerMinute: 1 } });
    const http = await SessionRequester.connect(port);
    const { key = "" } = attachRecord(1);
    const statuses: number[] = [];
    for (const attach of [1, 2, 3])
      statuses.push((await http.ask([attachRecord(attach, { key, mode: "poll" })])).status);
    assert.deepEqual(statuses, [200, 200, 503]);
    assert.equal(sessions.size, 1);
  });
});

describe("new sessions from one address", () => {
  it("are refused beyond maxNewSessionsPerAddress, ten seconds' worth at once, and are let in later", async (t) => {
    const { port } = await setSessions(t, { limits: { maxNewSessionsPerAddress: 1 } }, { trustProxy: 1 });
    const http = await SessionRequester.connect(port);
    const beganMs = performance.now();
    const first = await open(http, "2001:db8::1");
    let count = 1;
    let answer = await open(http, `2001:db8::${count}`);
    while (answer.status === 200) answer = await open(http, `2001:db8::${(count += 1)}`);
    const more = Math.ceil((performance.now() - beganMs) / 1000);
    assert.ok(count >= 10 && count <= 10 + more, `refused after ${count}`);
    assert.deepEqual([answer.status, answer.records], [503, busy]);
    assert.equal((await open(http, "2001:db8:0:1::1")).status, 200);
    assert.equal((await open(http, "192.0.2.1")).status, 200);
    const options = {
      credentials: credentialsOf(attachedOf(first.records)),
      fields: { "X-Forwarded-For": "2001:db8::1" },
    };
    const resumed = await http.ask([attachRecord(2, { mode: "poll" })], options);
    assert.equal(attachedOf(resumed.records).resumed, true);
    await eventually(async () => assert.equal((await open(http, "2001:db8::1")).status, 200), { timeoutMs: 5000 });
  });

  it("are counted by the socket where no proxy is trusted", async (t) => {
    const { port } = await setSessions(t, { limits: { maxNewSessionsPerAddress: 1 } });
    const http = await SessionRequester.connect(port);
    for (let count = 0; count < 10; count += 1) assert.equal((await open(http, `192.0.2.${count}`)).status, 200);
    assert.equal((await open(http, "192.0.2.200")).status, 503);
  });

  it("are remembered for no longer than they count, and of no more addresses than there may be sessions", () => {
    const rates = new OpeningRates(1, 100);
    for (let index = 0; index < 1000; index += 1) assert.ok(rates.take(`address ${index}`, 0));
    assert.equal(rates.size, 100);
    assert.ok(rates.take("another", 1001));
    assert.equal(rates.size, 1);
  });
});

describe("a client on a network that breaks whatever it dials", () => {
  it("attaches far less often than it may", { timeout: 20_000 }, async (t) => {
    let attaches = 0;
    const { port } = await setSessions<string>(t, { authorize: () => `${(attaches += 1) && "ada"}` });
    const proxy = await createFaultProxy({ target: { port } });
    t.after(() => proxy.close());
    proxy.set({ type: "cut", direction: "to-client", afterBytes: { min: 300, max: 1500 } });
    const channel = connect(`${proxy.url}/`, { resumeWindowMs: 500 });
    t.after(() => channel.close());
    const sending = setInterval(() => channel.send("x".repeat(100)), 20);
    t.after(() => clearInterval(sending));
    const begunMs = performance.now();
    await eventually(() => assert.ok(performance.now() - begunMs > 6000), { timeoutMs: 7000 });
    t.diagnostic(`${attaches} attaches in 6 s`);
    // In 6 s its rate allows 60, besides 600 at once.
    assert.ok(attaches > 2 && attaches < 60, `${attaches} attaches in 6 s`);
  });
});
