import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions, type ServeOptions, withChannel } from "../../src/index.ts";
import { attachRecord, post } from "../session-server/session-client.ts";
import type { Bytes } from "../support/bytes.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** A request by each transport for a host, from a page of the very same. */
const requests: Readonly<Record<string, (host: string) => Bytes>> = {
  "a WebSocket": (host) => handshakeRequest({ host, headers: { Origin: `http://${host}` } }),
  "a session over a WebSocket": (host) =>
    handshakeRequest({ host, headers: { "Sec-WebSocket-Protocol": "channelkit.1" } }),
  "a poll": (host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  "a stream of a session": (host) => post([attachRecord(1, { mode: "stream" })], { fields: { Host: host } }),
  "polls of a session": (host) =>
    post([attachRecord(1, { mode: "poll" })], { fields: { Host: host, "Sec-Fetch-Site": "same-origin" } }),
  "a preflight": (host) =>
    `OPTIONS / HTTP/1.1\r\nHost: ${host}\r\nAccess-Control-Request-Headers: channelkit-protocol\r\n\r\n`,
  "HTTP/1.0": (host) => `GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`,
  "a whole URL": (host) => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
};

async function setSite(t: Parameters<typeof setServer>[0], options: ServeOptions) {
  let handled = 0;
  const sessions = createSessions();
  const { port, errors } = await setServer(
    t,
    (request) => {
      handled += 1;
      if (sessions.accepts(request)) return sessions.accept(request, () => undefined);
      return withChannel(request, (channel) => void (channel.isWebSocket || channel.send("hello")));
    },
    options,
  );
  const ask = async (request: Bytes): Promise<number> => {
    const client = await connectRaw(port);
    client.write(request);
    const { status } = await client.readHead();
    client.destroy();
    return status;
  };
  return { ask, errors, handled: () => handled };
}

describe("allowedHosts", () => {
  for (const [what, request] of Object.entries(requests)) {
    it(`refuses ${what} for any other host, before a handler sees it`, async (t) => {
      const { ask, errors, handled } = await setSite(t, { allowedHosts: ["app.example", "[::1]", "localhost:9090"] });
      for (const host of [
        "rebound.example",
        "rebound.example:9090",
        "app.example.rebound.example",
        "evil-app.example",
        "app.example.",
        "localhost",
        "localhost:9091",
        "127.0.0.1",
        "[::2]",
      ]) {
        assert.equal(await ask(request(host)), 421, host);
      }
      assert.equal(handled(), 0);
      assert.deepEqual(new Set(errors.map(({ code }) => code)), new Set(["PEER_FAULT"]));
      assert.match(String(errors[0]?.message), /its host is none that is served here/);
      for (const host of ["app.example", "APP.example:8080", "[::1]:9090", "localhost:9090"]) {
        assert.ok((await ask(request(host))) < 300, host);
      }
    });
  }

  it("is not asked for by default: a server cannot know its names", async (t) => {
    const { ask } = await setSite(t, {});
    for (const request of Object.values(requests)) assert.ok((await ask(request("any.example"))) < 300);
  });

  it("refuses a request without a host, which only HTTP/1.0 may be", async (t) => {
    const { ask } = await setSite(t, { allowedHosts: ["app.example"] });
    assert.equal(await ask("GET / HTTP/1.0\r\n\r\n"), 421);
  });

  it("refuses a whole URL of another scheme, whose host would be that of the request", async (t) => {
    const { ask } = await setSite(t, { allowedHosts: ["app.example"] });
    for (const scheme of ["ftp", "ws", "file"]) {
      for (const host of ["rebound.example", "app.example", ""]) {
        assert.equal(await ask(`GET ${scheme}://${host}/ HTTP/1.1\r\nHost: app.example\r\n\r\n`), 400, scheme);
      }
    }
  });

  it("does not decide between two hosts: with more than one Host field a request is refused by every transport", async (t) => {
    const { ask } = await setSite(t, { allowedHosts: ["app.example"] });
    for (const [what, request] of Object.entries(requests)) {
      const twice = Buffer.from(request("app.example")).toString("latin1");
      for (const other of ["rebound.example", "app.example"]) {
        assert.equal(await ask(twice.replace("\r\n", `\r\nHost: ${other}\r\n`)), 400, what);
      }
    }
  });

  it("goes by the host that a trusted proxy was asked for, and by no other's word", async (t) => {
    const request = "GET / HTTP/1.1\r\nHost: upstream\r\nX-Forwarded-Host: app.example\r\n\r\n";
    const allowedHosts = ["app.example"];
    assert.equal(await (await setSite(t, { allowedHosts, trustProxy: 1 })).ask(request), 200);
    assert.equal(await (await setSite(t, { allowedHosts })).ask(request), 421);
  });
});
