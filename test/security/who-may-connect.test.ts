import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { defaultSessionLimits, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, credentialsOf, post } from "../session-server/session-client.ts";
import { messagesOf, setSessions } from "../session-server/set-sessions.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { stopWall } from "../support/wall.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const form = "application/x-www-form-urlencoded";

/** Users by their tokens. */
function userOf(request: Request): string | undefined {
  return /^Bearer token-of-(\w+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
}

async function statusOf(client: RawClient, request: string | Uint8Array): Promise<number> {
  client.write(request);
  return (await client.readHead()).status;
}

describe("S01 a page of another origin", () => {
  const foreign = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://evillocalhost",
    "http://sub.localhost",
    "http://localhost:8080",
    "http://localhost.",
    "http://localhost/",
    "http://localhost@evil.example",
    "http://localhost, http://localhost",
    "file://localhost",
    "null",
    "",
  ];

  for (const transport of transports) {
    it(`S01 has no session over ${transport}, whatever is odd about its origin: 403 before anybody is asked who it is`, async (t) => {
      let asked = 0;
      const { port, sessions } = await setSessions(t, { authorize: () => (asked += 1) });
      for (const Origin of foreign) assert.equal((await attachBy(transport, port, { fields: { Origin } })).status, 403);
      assert.deepEqual([asked, sessions.size], [0, 0]);
      const own = await attachBy(transport, port, { fields: { Origin: "http://LOCALHOST" } });
      assert.ok(own.attached);
    });
  }

  it("S01 opens no WebSocket, and sends and polls nothing with the secret of a session", async (t) => {
    const { port, log } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const credentials = credentialsOf(attached);
    let handled = 0;
    const plain = await setServer(t, (request) => {
      handled += 1;
      return withChannel(request, () => undefined);
    });
    for (const Origin of foreign) {
      const socket = await connectRaw(plain.port);
      assert.equal(await statusOf(socket, handshakeRequest({ headers: { Origin } })), 403, Origin);
      const client = await connectRaw(port);
      const given = { credentials, fields: { Origin } };
      const send = post([{ type: "send", attach: 1, first: 1, received: 0 }, "stolen"], given);
      client.write(send);
      assert.equal((await client.readResponse()).status, 403, Origin);
      client.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], given));
      assert.equal((await client.readResponse()).status, 403, Origin);
    }
    assert.deepEqual([handled, messagesOf(log)], [0, []]);
  });

  it("S01 is refused by what the browser says of it, too, where something has taken its Origin away or put the server's in its place", async (t) => {
    const { port, sessions } = await setSessions(t);
    for (const transport of transports) {
      for (const Origin of [null, "http://localhost"]) {
        for (const site of ["cross-site", "same-site"]) {
          const fields = { Origin, "Sec-Fetch-Site": site };
          assert.equal((await attachBy(transport, port, { fields })).status, 403, `${transport} ${Origin} ${site}`);
        }
      }
    }
    assert.equal(sessions.size, 0);
  });
});

describe("S02 the host of a request", () => {
  it("S02 is one: two Host fields, or a target of another host, are refused before a handler, by every transport", async (t) => {
    let handled = 0;
    const { port } = await setServer(t, () => {
      handled += 1;
      return new Response();
    });
    const whole = [
      handshakeRequest(),
      handshakeRequest({ protocols: ["channelkit.1"] }),
      post([attachRecord(1, { mode: "stream" })]).toString("latin1"),
      post([attachRecord(1, { mode: "poll" })]).toString("latin1"),
      "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for (const request of whole) {
      const twice = request.replace("\r\n", "\r\nHost: rebound.example\r\n");
      assert.equal(await statusOf(await connectRaw(port), twice), 400);
      const absolute = request.replace(" / ", " http://rebound.example/ ");
      assert.equal(await statusOf(await connectRaw(port), absolute), 400);
    }
    assert.equal(handled, 0);
  });

  it("S02 that was made to point here is refused by every transport once the names of the server are known", async (t) => {
    const { port, sessions } = await setSessions(t, {}, { allowedHosts: ["app.example"] });
    for (const transport of transports) {
      // For the browser the page and the server are one.
      const fields = { Host: "rebound.example", Origin: "http://rebound.example", "Sec-Fetch-Site": "same-origin" };
      assert.equal((await attachBy(transport, port, { fields })).status, 421);
    }
    assert.equal(sessions.size, 0);
  });
});

describe("S03 a request that a form of another page can make", () => {
  it("S03 opens, sends and reads nothing: a field that forms cannot set is needed, and a type that they cannot have", async (t) => {
    const { port, sessions, log } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const credentials = credentialsOf(attached);
    const attempts = [
      { "channelkit-protocol": null },
      { "channelkit-protocol": null, "Content-Type": form },
      { "Content-Type": form },
      { "Content-Type": "text/plain" },
      { "Content-Type": "multipart/form-data; boundary=x" },
      { "Content-Type": null },
    ];
    for (const fields of attempts) {
      for (const [records, given] of [
        [[attachRecord(1, { mode: "poll" })], { fields }],
        [[{ type: "send", attach: 1, first: 1, received: 0 } as const, "forged"], { credentials, fields }],
      ] as const) {
        const client = await connectRaw(port);
        client.write(post(records, given));
        const response = await client.readResponse();
        assert.equal(response.status, "channelkit-protocol" in fields ? 403 : 400, JSON.stringify(fields));
        assert.equal(response.header("access-control-allow-origin"), undefined);
      }
    }
    assert.deepEqual(messagesOf(log), []);
    assert.ok(sessions.size <= 1);
  });

  it("S03 is none by GET, which opens no session either", async (t) => {
    const { port, sessions } = await setSessions(t);
    const client = await connectRaw(port);
    client.write("GET /?attach=1 HTTP/1.1\r\nHost: localhost\r\nChannelkit-Protocol: 1\r\n\r\n");
    assert.equal((await client.readResponse()).status, 405);
    assert.equal(sessions.size, 0);
  });

  it("S03 gets no leave from a preflight, unless its origin is named, and then its answer is kept apart by Vary", async (t) => {
    const ask = async (port: number, origin: string) => {
      const client = await connectRaw(port);
      const fields = `Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: channelkit-protocol\r\n`;
      client.write(`OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\n${fields}\r\n`);
      return client.readResponse();
    };
    const closed = await ask((await setSessions(t)).port, "https://evil.example");
    assert.deepEqual([closed.status, closed.header("access-control-allow-origin")], [403, undefined]);
    const { port } = await setSessions(t, {}, { allowedOrigins: ["https://friend.example"] });
    const evil = await ask(port, "https://friend.example.evil.example");
    assert.deepEqual([evil.status, evil.header("access-control-allow-origin")], [403, undefined]);
    const friend = await ask(port, "https://friend.example");
    assert.deepEqual(
      [friend.header("access-control-allow-origin"), friend.header("vary")],
      ["https://friend.example", "Origin"],
    );
  });
});

describe("S04 authentication", () => {
  it("S04 is the handler's for every transport of a channel: an upgrade does not go round it", async (t) => {
    const { port } = await setServer(t, () => new Response("no", { status: 401 }));
    for (const request of [handshakeRequest(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", post([attachRecord(1)])]) {
      const client = await connectRaw(port);
      client.write(request);
      const response = await client.readResponse();
      assert.deepEqual([response.status, response.text], [401, "no"]);
    }
  });

  it("S04 refuses a session alike over every transport", async (t) => {
    const { port, sessions } = await setSessions(t, { authorize: userOf });
    for (const transport of transports) assert.equal((await attachBy(transport, port)).code, 4501, transport);
    for (const transport of transports) {
      assert.ok((await attachBy(transport, port, { record: { token: "token-of-ada" } })).attached, transport);
    }
    assert.equal(sessions.size, 3);
  });

  it("S04 that fails lets nobody in, tells nothing of the fault, and ends no process", async (t) => {
    const fault = new Error("the password of the database is hunter2");
    const failing = {
      throws: () => {
        throw fault;
      },
      rejects: () => Promise.reject(fault),
    };
    for (const fail of Object.values(failing)) {
      const { port, sessions } = await setSessions(t, { authorize: fail });
      for (const transport of transports) {
        const { code, client } = await attachBy(transport, port);
        assert.equal(code, 4006);
        assert.ok(!client.received.includes("hunter2"));
      }
      assert.equal(sessions.size, 0);
      const plain = await setServer(t, fail);
      for (const request of [handshakeRequest(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]) {
        const client = await connectRaw(plain.port);
        assert.equal(await statusOf(client, request), 500);
        await client.readUntil((unread) => unread.length > 0);
        assert.doesNotMatch(client.received.toString("latin1"), /hunter2|\bat .*:\d+/);
      }
    }
  });

  it("S04 that does not answer refuses over every transport when its time is over, which is 10 s", async (t) => {
    assert.equal(defaultSessionLimits.authorizeTimeoutMs, 10_000);
    const authorize = (): Promise<string> => new Promise(() => undefined);
    const { port, sessions } = await setSessions(t, { authorize, limits: { authorizeTimeoutMs: 50 } });
    for (const transport of transports) assert.equal((await attachBy(transport, port)).code, 4006);
    assert.equal(sessions.size, 0);
  });

  it("S04 bounds what comes behind a handshake while it is made up its mind", async (t) => {
    const { port } = await setServer(t, () => new Promise<Response>(() => undefined));
    const client = await connectRaw(port);
    client.write(handshakeRequest());
    const lump = Buffer.alloc(64 * 1024);
    for (let count = 0; count < 4 && client.ending === undefined; count += 1) client.write(lump);
    await client.waitForEnd();
  });
});

describe("S05 a right that was taken back", () => {
  it("S05 resumes no session over any transport, and with the right of another user neither", async (t) => {
    for (const transport of transports) {
      const revoked = new Set<string>();
      const authorize = (request: Request): string | undefined => {
        const user = userOf(request);
        return user === undefined || revoked.has(user) ? undefined : user;
      };
      const { port } = await setSessions(t, { authorize });
      const { attached } = await attachBy("poll", port, { record: { token: "token-of-ada" } });
      assert.ok(attached);
      const record = { attach: 2, ...credentialsOf(attached), token: "token-of-ada" };
      const eve = await attachBy(transport, port, { record: { ...record, token: "token-of-eve" } });
      assert.deepEqual([eve.attached?.resumed, eve.attached?.reason], [false, "denied"]);
      const again = await attachBy(transport, port, { record });
      assert.equal(again.attached?.resumed, true);
      revoked.add("ada");
      const late = { ...record, attach: 3, ...credentialsOf(again.attached) };
      assert.equal((await attachBy(transport, port, { record: late })).code, 4501);
    }
  });

  it("S05 ends what carries a session over every transport when its time is over", async (t) => {
    const setWall = stopWall(t);
    for (const [index, transport] of transports.entries()) {
      const endMs = Date.now() + 200;
      const { port } = await setSessions(t, { authorize: () => "ada", expiresAtMs: () => endMs });
      const { client, socket, attached } = await attachBy(transport, port);
      assert.ok(attached);
      if (socket === undefined && transport === "poll") {
        client.write(
          post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials: credentialsOf(attached) }),
        );
      }
      const mark = socket === undefined ? '"code":4010' : Buffer.of(4010 >> 8, 4010 & 255);
      setWall(200 * (index + 1));
      await client.readUntil((unread) => unread.includes(mark));
    }
  });

  it("S05 ends the sessions of a user, and those of nobody else", async (t) => {
    const { port, sessions, log } = await setSessions(t, { authorize: userOf });
    const attach = (user: string, transport: (typeof transports)[number]) =>
      attachBy(transport, port, { record: { token: `token-of-${user}` } });
    for (const transport of transports) await attach("ada", transport);
    await attach("eve", "websocket");
    assert.equal(sessions.closeUser("ada"), 3);
    await log.waitFor("close", { count: 3 });
    assert.equal(sessions.size, 1);
  });
});
