import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Limits, remoteAddress } from "../../src/index.ts";
import { type Deferred, deferred } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, messagesOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const wrong = "x".repeat(43);

/** Users by their tokens. */
function userOf(request: Request): { id: string } | undefined {
  const [, id] = /^Bearer token-of-(\w+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  return id === undefined ? undefined : { id };
}

describe("the right to a session", () => {
  it("is not given by its id with a wrong secret: that gets another session, and is told `denied`", async (t) => {
    const { port, channels } = await setSessions(t);
    const first = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1));
    const thief = await SessionWebSocket.open(port);
    const answer = await thief.attach(attachRecord(2, { session: attached.session, secret: wrong }));
    assert.deepEqual([answer.resumed, answer.reason], [false, "denied"]);
    assert.notEqual(answer.session, attached.session);
    // Not disturbed.
    channels[0]?.send("still here");
    assert.equal(await first.next(), "still here");
    const http = await SessionRequester.connect(port);
    const credentials = { session: attached.session, secret: wrong };
    const send = await http.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "stolen"], { credentials });
    assert.equal(send.status, 410);
    assert.deepEqual(send.records, [{ type: "detach", code: 4005, reason: "unknown" }]);
  });

  it("is lost by a secret when its client has used a later one", async (t) => {
    const { port } = await setSessions(t);
    const sockets = await Promise.all([1, 2, 3, 4].map(() => SessionWebSocket.open(port)));
    const [one, two, three, four] = sockets as [SessionWebSocket, SessionWebSocket, SessionWebSocket, SessionWebSocket];
    const old = credentialsOf(await one.attach(attachRecord(1)));
    const later = credentialsOf(await two.attach(attachRecord(2, old)));
    await three.attach(attachRecord(3, later));
    const answer = await four.attach(attachRecord(4, old));
    assert.deepEqual([answer.resumed, answer.reason], [false, "denied"]);
  });

  it("is that of one user: to another the session is `denied`, with the right secret, too", async (t) => {
    const { port, channels } = await setSessions(t, { authorize: userOf });
    const first = await SessionWebSocket.open(port);
    const attached = await first.attach(attachRecord(1, { token: "token-of-ada" }));
    assert.deepEqual(channels[0]?.attachment, { id: "ada" });
    const other = await SessionWebSocket.open(port);
    const answer = await other.attach(attachRecord(2, { ...credentialsOf(attached), token: "token-of-eve" }));
    assert.deepEqual([answer.resumed, answer.reason], [false, "denied"]);
    const again = await SessionWebSocket.open(port);
    const resumed = await again.attach(attachRecord(2, { ...credentialsOf(attached), token: "token-of-ada" }));
    assert.equal(resumed.resumed, true);
  });

  it("is asked for at each attach, by whatever transport, with the Authorization field of the request", async (t) => {
    const asked: (string | null)[] = [];
    const { port, sessions } = await setSessions(t, {
      authorize: async (request) => {
        await Promise.resolve();
        asked.push(
          `${request.headers.get("authorization")} ${[...request.headers].length > 4} ${remoteAddress(request)}`,
        );
        return userOf(request);
      },
    });
    const socket = await SessionWebSocket.open(port);
    const attached = await socket.attach(attachRecord(1, { token: "token-of-ada" }));
    const http = await SessionRequester.connect(port);
    const polled = await http.ask([attachRecord(2, { mode: "poll" })], {
      credentials: credentialsOf(attached),
      fields: { Authorization: "Bearer token-of-ada" },
    });
    assert.equal(attachedOf(polled.records).resumed, true);
    const refused = await http.ask([attachRecord(3, { mode: "poll" })], { credentials: credentialsOf(attached) });
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.records, [{ type: "detach", code: 4501, reason: "denied" }]);
    assert.deepEqual(asked, [
      "Bearer token-of-ada true 127.0.0.1",
      "Bearer token-of-ada true 127.0.0.1",
      "null true 127.0.0.1",
    ]);
    assert.equal(sessions.size, 1);
  });

  for (const [what, authorize] of Object.entries({
    throws: () => {
      throw new Error("down");
    },
    rejects: () => Promise.reject(new Error("down")),
  })) {
    it(`is not given when authorize ${what}, which is reported, but the client may come back`, async (t) => {
      const { port, errors } = await setSessions(t, { authorize });
      const socket = await SessionWebSocket.open(port);
      socket.control(attachRecord(1));
      await socket.socket.expectClose(4006, { reason: "busy" });
      assert.deepEqual(
        errors.map(({ code, details }) => [code, details]),
        [["HANDLER_FAILED", { handler: "authorize" }]],
      );
    });
  }

  for (const [what, settle] of Object.entries<(answer: Deferred<{ id: string }>) => void>({
    "a user": ({ resolve }) => resolve({ id: "too late" }),
    "a fault": ({ reject }) => reject(new Error("too late")),
  })) {
    it(`is not given when authorize takes too long, but the client may come back: ${what} that comes then is dropped`, async (t) => {
      const answers: Deferred<{ id: string }>[] = [];
      const identified: unknown[] = [];
      const { port, errors, sessions } = await setSessions<{ id: string }>(t, {
        authorize: () => {
          const answer = deferred<{ id: string }>();
          answers.push(answer);
          return answer.promise;
        },
        identify: (user) => String(identified.push(user)),
        limits: { authorizeTimeoutMs: 50 },
      });
      const socket = await SessionWebSocket.open(port);
      socket.control(attachRecord(1));
      await socket.socket.expectClose(4006, { reason: "busy" });
      for (const answer of answers) settle(answer);
      await nextTurn();
      assert.deepEqual(
        errors.map(({ code, details }) => [code, details]),
        [["HANDLER_FAILED", { handler: "authorize" }]],
      );
      assert.match(String(errors[0]?.cause), /did not answer within 50 ms/);
      assert.deepEqual(identified, []);
      assert.equal(sessions.size, 0);
    });
  }

  for (const [what, user] of Object.entries({
    "no id": { name: "no id" },
    NaN: Number.NaN,
    Infinity,
    "empty text": "",
    "text without end": "x".repeat(1025),
    "an id that is NaN": { id: Number.NaN },
    "an id that is true": { id: true },
    "a promise of a function": Promise.resolve(() => "ada"),
    "a list": ["ada"],
    "a symbol": Symbol("ada"),
    "an object that throws when it is looked at": new Proxy({}, { has: () => assert.fail("looked at") }),
  })) {
    it(`needs a user who can be told from others, which ${what} cannot, and that is reported`, async (t) => {
      const { port, errors, sessions } = await setSessions<unknown>(t, { authorize: () => user });
      const socket = await SessionWebSocket.open(port);
      socket.control(attachRecord(1));
      await socket.socket.expectClose(4501, { reason: "denied" });
      const http = await SessionRequester.connect(port);
      assert.equal((await http.ask([attachRecord(1, { mode: "stream" })])).status, 403);
      assert.deepEqual(
        errors.map(({ code, details }) => [code, "handler" in details && details.handler]),
        Array.from({ length: 2 }, () => ["HANDLER_FAILED", "authorize"]),
      );
      if (what.endsWith("looked at")) assert.match(String(errors[0]?.cause), /looked at/);
      else {
        const forms = "text of 1 to 1024 characters, a finite number, or an object whose id is one";
        const text = `The authorize handler must return ${forms}, unless identify says who a user is, but it returned `;
        assert.ok(errors[0]?.message.startsWith(text), errors[0]?.message);
      }
      assert.equal(sessions.size, 0);
    });
  }

  for (const [what, nameOf] of Object.entries<() => unknown>({
    nothing: () => undefined,
    "a number": () => 7,
    "empty text": () => "",
    "text without end": () => "x".repeat(1025),
    "a promise": () => Promise.resolve("ada"),
    "a promise that is rejected": () => Promise.reject(new Error("down")),
  })) {
    it(`is not given when identify returns ${what}, which is reported`, async (t) => {
      const identify = nameOf as () => string;
      const { port, errors } = await setSessions(t, { authorize: () => ({ id: "ada" }), identify });
      const socket = await SessionWebSocket.open(port);
      socket.control(attachRecord(1));
      await socket.socket.expectClose(4501, { reason: "denied" });
      const expected = "text of 1 to 1024 characters";
      assert.ok(errors[0]?.code === "HANDLER_FAILED");
      const { received } = errors[0].details;
      assert.deepEqual(errors[0].details, { handler: "identify", expected, received });
      assert.equal(errors[0].message, `The identify handler must return ${expected}, but it returned ${received}`);
    });
  }

  it("is not given to a user without an id, and the report says what was returned, and nothing of what it holds", async (t) => {
    const { port, errors } = await setSessions<unknown>(t, { authorize: () => ({ name: "ada" }) });
    const socket = await SessionWebSocket.open(port);
    socket.control(attachRecord(1));
    await socket.socket.expectClose(4501, { reason: "denied" });
    assert.match(errors[0]?.message ?? "", /, but it returned an object with "name"$/);
    assert.ok(errors[0]?.code === "HANDLER_FAILED");
    assert.equal(errors[0].details.received, 'an object with "name"');
    assert.equal(errors[0].cause, undefined);
  });

  it("is given to nobody in particular when authorize returns true, and to users who are 0 or a bigint", async (t) => {
    for (const user of [true, 0, 7n, { id: 0 }]) {
      const { port } = await setSessions<unknown>(t, { authorize: () => user, limits: { maxSessionsPerOwner: 1 } });
      const answers = [];
      for (let count = 0; count < 2; count += 1) {
        const http = await SessionRequester.connect(port);
        answers.push((await http.ask([attachRecord(1, { mode: "poll" })])).status);
      }
      assert.deepEqual(answers, user === true ? [200, 200] : [200, 503]);
    }
  });

  it("goes by identify where that is given", async (t) => {
    const { port } = await setSessions<{ name: string }>(t, {
      authorize: () => ({ name: "ada" }),
      identify: ({ name }) => name,
    });
    const socket = await SessionWebSocket.open(port);
    assert.equal((await socket.attach(attachRecord(1))).resumed, false);
  });
});

describe("sessions whose messages their server would never take", () => {
  const attempt = async (t: Parameters<typeof setSessions>[0], most: number, serverLimits: Partial<Limits>) => {
    const { port, errors } = await setSessions(t, { limits: { maxMessageBytes: most } }, { limits: serverLimits });
    const client = await connectRaw(port);
    client.write(post([attachRecord(1, { mode: "poll" })]));
    const { status } = await client.readResponse();
    return { status, cause: String(errors[0]?.cause) };
  };

  it("are refused at the first request, with an error that says which limits do not fit", async (t) => {
    const { status, cause } = await attempt(t, 100_001, { maxBodyBytes: 132_768 });
    assert.equal(status, 500);
    assert.match(
      cause,
      /limits.maxMessageBytes of createSessions must be at most .*32768 under its maxBodyBytes, 132768/,
    );
    assert.equal((await attempt(t, 1001, { maxMessageBytes: 1000 })).status, 500);
  });

  it("are not where the limits just fit, and a message of that size arrives by a request", async (t) => {
    const most = 100_000;
    const limits = { maxBodyBytes: most + 32_768, maxMessageBytes: most };
    const { port, log } = await setSessions(t, { limits: { maxMessageBytes: most } }, { limits });
    const http = await SessionRequester.connect(port);
    const credentials = credentialsOf(attachedOf((await http.ask([attachRecord(1, { mode: "poll" })])).records));
    const message = "x".repeat(most);
    const sent = await http.ask([{ type: "send", attach: 1, first: 1, received: 0 }, message], { credentials });
    assert.equal(sent.status, 200);
    await log.waitFor("message");
    assert.deepEqual(messagesOf(log), [message]);
  });
});

describe("a page of another origin", () => {
  const own = { Origin: "http://localhost", Host: "localhost" };

  it("may not attach, poll or send, unless it is allowed to", async (t) => {
    const { port, sessions } = await setSessions(t, {}, { allowedOrigins: ["https://friend.example"] });
    const http = await SessionRequester.connect(port);
    const attach = (fields: Record<string, string>) => http.ask([attachRecord(1, { mode: "poll" })], { fields });
    const foreign = await attach({ Origin: "https://foreign.example" });
    assert.equal(foreign.status, 403);
    assert.match(foreign.response.text, /allowedOrigins/);
    assert.equal(sessions.size, 0);
    assert.equal((await attach(own)).status, 200);
    assert.equal((await attach({ Origin: "https://friend.example" })).status, 200);
    assert.equal((await attach({})).status, 200);
  });

  it("may not do it by a form, either, which cannot set Channelkit-Protocol", async (t) => {
    const { port, sessions } = await setSessions(t);
    const http = await SessionRequester.connect(port);
    const { status, response } = await http.ask([attachRecord(1)], { fields: { "channelkit-protocol": null } });
    assert.equal(status, 403);
    assert.match(response.text, /needs the field Channelkit-Protocol/);
    assert.equal(sessions.size, 0);
  });
});

for (const mode of ["stream", "poll"] as const) {
  it(`an answer that is on its way when all sessions of its user are closed opens none: a ${mode} [S05]`, async (t) => {
    // Between the answer of authorize and the attach are some turns of promises: the ban may come in any of them.
    for (let turns = 0; turns < 12; turns += 1) {
      const asked = deferred();
      const answer = deferred<{ id: string }>();
      const { port, sessions } = await setSessions(t, {
        authorize: () => {
          asked.resolve();
          return answer.promise;
        },
      });
      const requester = await SessionRequester.connect(port);
      requester.client.write(post([attachRecord(1, { mode })]));
      await asked.promise;
      answer.resolve({ id: "banned" });
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      sessions.closeUser("banned", 3000, "banned");
      await requester.client.readHead();
      assert.deepEqual(
        [...sessions].filter(({ isOpen }) => isOpen),
        [],
        `behind ${turns} turns`,
      );
    }
  });
}
