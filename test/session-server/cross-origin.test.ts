import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { connectRaw, destroyOpenClients, type RawResponse } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachRecord, credentialsOf, post, SessionRequester, SessionWebSocket } from "./session-client.ts";
import { attachedOf, setSessions } from "./set-sessions.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const friend = "https://friend.example";
const fields = { Origin: friend };
const shared = { "access-control-allow-origin": friend, "access-control-allow-credentials": "true", vary: "Origin" };

/** What of a response is about other origins. */
function sharingOf(response: Pick<RawResponse, "header">): Record<string, string> {
  const names = ["access-control-allow-origin", "access-control-allow-credentials", "vary"];
  const more = ["access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"];
  return Object.fromEntries(
    [...names, ...more].flatMap((name) => {
      const value = response.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function preflight(
  port: number,
  origin: string,
  asked = "channelkit-protocol,content-type",
): Promise<RawResponse> {
  const client = await connectRaw(port);
  client.write(
    `OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: POST\r\n` +
      `Access-Control-Request-Headers: ${asked}\r\n\r\n`,
  );
  return client.readResponse();
}

const allowed = { allowedOrigins: [friend, "https://other.example"] };

describe("the preflight of a page of another origin", () => {
  it("allows what a client sends, for the very origin that asks, and two hours", async (t) => {
    const { port, sessions } = await setSessions(t, {}, allowed);
    const response = await preflight(port, friend, "authorization,channelkit-protocol,channelkit-session,content-type");
    assert.equal(response.status, 204);
    assert.deepEqual(sharingOf(response), {
      ...shared,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "Authorization, Content-Type, channelkit-protocol, channelkit-session",
      "access-control-max-age": "7200",
    });
    assert.equal(sessions.size, 0);
  });

  for (const origin of [
    "https://foreign.example",
    "https://friend.example.evil.example",
    "http://friend.example",
    "null",
  ]) {
    it(`is refused for ${origin}, with nothing that lets it read anything`, async (t) => {
      const { port } = await setSessions(t, {}, allowed);
      const response = await preflight(port, origin);
      assert.equal(response.status, 403);
      assert.deepEqual(sharingOf(response), { vary: "Origin" });
    });
  }

  it("is refused where no origin is allowed, and not taken for one where it asks for something else", async (t) => {
    const { port } = await setSessions(t);
    const response = await preflight(port, friend);
    assert.equal(response.status, 403);
    assert.match(response.text, /allowedOrigins/);
    assert.deepEqual(sharingOf(response), {});
    assert.equal((await preflight(port, friend, "content-type")).status, 405);
  });

  it("allows all without cookies where all are allowed", async (t) => {
    const { port } = await setSessions(t, {}, { allowedOrigins: "*" });
    const response = await preflight(port, "https://whoever.example");
    assert.equal(response.status, 204);
    assert.equal(response.header("access-control-allow-origin"), "*");
    assert.equal(response.header("access-control-allow-credentials"), undefined);
  });
});

describe("a session of a page of another origin that is allowed", () => {
  it("may be read by that page over a stream, polls and sends, and when it is refused", async (t) => {
    const { port } = await setSessions(t, {}, allowed);
    const polls = await SessionRequester.connect(port);
    const attach = await polls.ask([attachRecord(1, { mode: "poll" })], { fields });
    assert.deepEqual(sharingOf(attach.response), shared);
    const credentials = credentialsOf(attachedOf(attach.records));
    const send = await polls.ask([{ type: "send", attach: 1, first: 1, received: 0 }, "hello"], {
      credentials,
      fields,
    });
    assert.deepEqual(sharingOf(send.response), shared);
    const poll = await polls.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials, fields });
    assert.deepEqual(poll.records, ["hello"]);
    assert.deepEqual(sharingOf(poll.response), shared);
    const copy = await polls.ask([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials, fields });
    assert.equal(copy.status, 409);
    assert.deepEqual(sharingOf(copy.response), shared);

    const stream = await connectRaw(port);
    stream.write(post([attachRecord(1, { mode: "stream" })], { fields }));
    assert.deepEqual(sharingOf(await stream.readHead()), shared);
    (await SessionWebSocket.open(port, { headers: { Origin: friend } })).socket.client.destroy();
  });

  it("is nothing that any other page may have or read", async (t) => {
    const { port, sessions } = await setSessions(t, {}, allowed);
    const http = await SessionRequester.connect(port);
    const foreign = await http.ask([attachRecord(1)], { fields: { Origin: "https://foreign.example" } });
    assert.equal(foreign.status, 403);
    assert.deepEqual(sharingOf(foreign.response), {});
    assert.equal(sessions.size, 0);
    const own = await http.ask([attachRecord(1, { mode: "poll" })], { fields: { Origin: "http://localhost" } });
    assert.equal(own.status, 200);
    assert.deepEqual(sharingOf(own.response), { vary: "Origin" });
  });
});
