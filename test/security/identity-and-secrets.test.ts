import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions } from "../../src/index.ts";
import { readSources } from "../architecture/source.ts";
import { dial } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { attachRecord, createKey, credentialsOf, post, SessionWebSocket } from "../session-server/session-client.ts";
import { setSessions } from "../session-server/set-sessions.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { attachBy, transports } from "./attach-by.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const token = /[\w-]+/g;

/** What `count` sessions are called, and their secrets. */
async function openMany(port: number, count: number): Promise<{ ids: string[]; secrets: string[] }> {
  const ids: string[] = [];
  const secrets: string[] = [];
  const socket = await SessionWebSocket.open(port);
  for (let attach = 1; attach <= count; attach += 1) {
    const { session, secret } = await socket.attach(attachRecord(attach));
    ids.push(session);
    secrets.push(secret);
  }
  return { ids, secrets };
}

/** How many bits at the least tell these texts apart, judged by how often each character stands at each place. */
function entropyBits(texts: readonly string[]): number {
  let bits = 0;
  for (let place = 0; place < (texts[0] ?? "").length; place += 1) {
    const counts = new Map<string, number>();
    for (const text of texts) counts.set(text[place] ?? "", (counts.get(text[place] ?? "") ?? 0) + 1);
    bits += Math.log2(texts.length / Math.max(...counts.values()));
  }
  return bits;
}

describe("S06 ids and secrets", () => {
  it("S06 cannot be guessed: no two are alike, and no place of them is fixed", async (t) => {
    const { port } = await setSessions(t);
    const { ids, secrets } = await openMany(port, 1500);
    for (const texts of [ids, secrets]) {
      assert.equal(new Set(texts).size, texts.length);
      assert.equal(new Set(texts.map((text) => text.length)).size, 1);
    }
    // 22 characters of base64url hold 128 bits, 43 hold 256; the commonest character of 1500 is a little over its share.
    assert.ok(entropyBits(ids) > 90, `${entropyBits(ids)} bits`);
    assert.ok(entropyBits(secrets) > 190, `${entropyBits(secrets)} bits`);
    assert.ok((ids[0]?.length ?? 0) >= 22 && (secrets[0]?.length ?? 0) >= 43);
  });

  it("S06 come from the generator of the system: Math.random stands nowhere", () => {
    const sources = readSources();
    assert.ok(sources.length > 100);
    const weak = sources.filter(({ text }) => text.includes("Math.random"));
    assert.deepEqual(weak, []);
  });
});

describe("S07 the id of a session", () => {
  it("S07 is made by the server: one that a client makes up gets another session, or none", async (t) => {
    const { port, channels } = await setSessions(t);
    const made = { session: createKey(), secret: "x".repeat(43) };
    for (const transport of transports) {
      const { attached } = await attachBy(transport, port, { record: { attach: 2, ...made } });
      assert.equal(attached?.resumed, false);
      assert.notEqual(attached?.session, made.session);
    }
    const client = await connectRaw(port);
    for (const record of [
      { type: "poll", attach: 1, poll: 1, received: 0 },
      { type: "send", attach: 1, first: 1, received: 0 },
    ] as const) {
      client.write(post([record], { credentials: made }));
      assert.equal((await client.readResponse()).status, 410);
    }
    assert.equal(channels.length, transports.length);
  });

  it("S07 opens it for nobody but its user, over none of the transports", async (t) => {
    const authorize = (request: Request): string => request.headers.get("authorization") ?? "";
    for (const transport of transports) {
      const { port, channels } = await setSessions(t, { authorize });
      const held = await attachBy("websocket", port, { record: { token: "ada" } });
      assert.ok(held.attached);
      const stolen = credentialsOf(held.attached);
      const thief = await attachBy(transport, port, { record: { attach: 2, ...stolen, token: "eve" } });
      assert.deepEqual([thief.attached?.resumed, thief.attached?.reason], [false, "denied"]);
      const guess = await attachBy(transport, port, {
        record: { attach: 2, session: stolen.session, secret: "x".repeat(43), token: "ada" },
      });
      assert.deepEqual([guess.attached?.resumed, guess.attached?.reason], [false, "denied"]);
      channels[0]?.send("still hers");
      assert.equal(await held.socket?.next(), "still hers");
    }
  });

  it("S07 is not told by the key that it was opened with to another user, who gets a session of their own, over any transport", async (t) => {
    const authorize = (request: Request): string => request.headers.get("authorization") ?? "";
    for (const transport of transports) {
      const { port, channels } = await setSessions(t, { authorize });
      const key = createKey();
      const held = await attachBy("websocket", port, { record: { key, token: "ada" } });
      const other = await attachBy(transport, port, { record: { attach: 2, key, token: "eve" } });
      assert.ok(held.attached && other.attached);
      assert.notEqual(other.attached.session, held.attached.session);
      assert.deepEqual(
        channels.map(({ attachment }) => attachment),
        ["Bearer ada", "Bearer eve"],
      );
      channels[0]?.send("of ada");
      assert.equal(await held.socket?.next(), "of ada");
    }
  });

  it("S07 has a secret that changes with each attach, and one that was replaced opens nothing", async (t) => {
    for (const transport of transports) {
      const { port } = await setSessions(t);
      const secrets: string[] = [];
      let credentials: { session?: string; secret?: string } = {};
      for (let attach = 1; attach <= 3; attach += 1) {
        const { attached } = await attachBy(transport, port, { record: { attach, ...credentials } });
        assert.equal(attached?.resumed, attach > 1);
        credentials = credentialsOf(attached);
        secrets.push(attached.secret);
      }
      assert.equal(new Set(secrets).size, 3);
      const record = { attach: 9, ...credentials, secret: secrets[0] };
      const replayed = await attachBy(transport, port, { record });
      assert.deepEqual([replayed.attached?.resumed, replayed.attached?.reason], [false, "denied"]);
    }
  });

  it("S07 is polled by two at once without being lost: the earlier poll is answered, the later one is held", async (t) => {
    const { port, channels } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const credentials = credentialsOf(attached);
    const [one, two] = [await connectRaw(port), await connectRaw(port)];
    one.write(post([{ type: "poll", attach: 1, poll: 1, received: 0 }], { credentials }));
    await one.expectNothing(50);
    two.write(post([{ type: "poll", attach: 1, poll: 2, received: 0 }], { credentials }));
    assert.equal((await one.readResponse()).status, 200);
    channels[0]?.send("here");
    assert.match((await two.readResponse()).text, /here/);
    assert.equal(channels[0]?.isOpen, true);
  });
});

describe("S08 secrets", () => {
  it("S08 never stand in a URL: not the one of a session, and not the token of its user", async (t) => {
    for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
      const sessions = createSessions({ authorize: () => "ada" });
      const seen: string[] = [];
      const secrets = new Set<string>(["token-of-ada"]);
      const { port } = await setServer(t, (request) => {
        seen.push(`${request.url} ${request.headers.get("referer")} ${request.headers.get("cookie")}`);
        for (const text of (request.headers.get("channelkit-session") ?? "").match(token) ?? []) secrets.add(text);
        return sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)));
      });
      const { channel, log } = dial(t, `http://127.0.0.1:${port}/`, {
        transports: [kind],
        token: () => "token-of-ada",
      });
      channel.send("hello");
      await log.waitFor("receive");
      assert.ok(seen.length > 0);
      assert.ok(kind === "websocket" || secrets.size > 1);
      for (const secret of secrets) assert.ok(!seen.join("\n").includes(secret), kind);
    }
  });

  it("S08 are not taken from the query: what stands there says nothing of who it is", async (t) => {
    const { port } = await setSessions(t);
    const { attached } = await attachBy("poll", port);
    assert.ok(attached);
    const { session, secret } = attached;
    const client = await connectRaw(port);
    const poll = post([{ type: "poll", attach: 1, poll: 1, received: 0 }]).toString("latin1");
    const query = `channelkit-session=${session}.${secret}&session=${session}&secret=${secret}`;
    client.write(poll.replace(" / ", ` /?${query} `));
    assert.equal((await client.readResponse()).status, 410);
  });

  it("S08 are in answers that nobody keeps and no page refers from", async (t) => {
    const { port } = await setSessions(t);
    for (const mode of ["stream", "poll"] as const) {
      const client = await connectRaw(port);
      client.write(post([attachRecord(1, { mode })]));
      const head = await client.readHead();
      assert.match(head.header("cache-control") ?? "", /\bno-store\b/);
      assert.equal(head.header("referrer-policy"), "no-referrer");
    }
  });

  it("S08 are in no report, whatever goes wrong with what they belong to", async (t) => {
    const { port, errors } = await setSessions(t, { authorize: () => "ada" });
    const secrets: string[] = ["token-of-ada"];
    for (const transport of transports) {
      const { attached } = await attachBy(transport, port, { record: { token: "token-of-ada" } });
      assert.ok(attached);
      secrets.push(attached.secret);
      const client = await connectRaw(port);
      client.write(
        Buffer.concat([
          post([{ type: "send", attach: 1, first: 9, received: 99 }, "x"], { credentials: credentialsOf(attached) }),
          Buffer.from("nonsense\r\n\r\n"),
        ]),
      );
      await client.waitForEnd();
    }
    const socket = await SessionWebSocket.open(port);
    socket.send("before the attach, token-of-ada");
    await socket.socket.expectClose(4500);
    assert.ok(errors.length > 0);
    const told = errors.map((error) => `${error.stack} ${JSON.stringify(error.details)} ${String(error.cause)}`).join();
    for (const secret of secrets) assert.ok(!told.includes(secret));
  });
});
