import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { createSessions } from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { SessionWebSocket } from "../session-server/session-client.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

const most = 5;

/** Each takes a place and asks for nothing. */
const pending: Readonly<Record<string, (port: number) => Promise<unknown>>> = {
  "send nothing": (port) => connectRaw(port),
  "send a part of a head": async (port) => (await connectRaw(port)).write("GET / HTTP/1.1\r\nHo"),
  "open a WebSocket and attach to no session": (port) => SessionWebSocket.open(port),
};

for (const [what, begin] of Object.entries(pending)) {
  describe(`connections that ${what}`, () => {
    it("are bounded with all others, and give their places back after their time", async (t) => {
      const sessions = createSessions({ limits: { attachTimeoutMs: 500 } });
      const limits = { maxConnections: most, headersTimeoutMs: 500, closeTimeoutMs: 100, lingerTimeoutMs: 100 };
      const handler = (request: Request): Response | Promise<Response> =>
        sessions.accepts(request) ? sessions.accept(request, () => undefined) : new Response("served");
      const { port } = await setServer(t, handler, { limits });
      for (let count = 0; count < most; count += 1) await begin(port);
      const refused = await connectRaw(port);
      assert.equal((await refused.readResponse()).status, 503);
      // All of them, while their clients are still there.
      await eventually(() => expectServed(port, most), { timeoutMs: 5000 });
    });
  });
}

async function expectServed(port: number, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(port)));
  try {
    for (const client of clients) {
      client.write(get("/"));
      assert.equal((await client.readResponse()).status, 200);
    }
  } finally {
    for (const client of clients) client.destroy();
  }
}
