import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel } from "../../src/index.ts";
import { serve, withChannel } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { heapUsedNow } from "../support/resources.ts";
import { openWebSocket } from "../support/websocket-client.ts";

test("Many small messages in one turn take not much more memory than their bytes, and arrive in order [C25, C124]", async (t) => {
  const channels: Channel[] = [];
  const server = await serve((request) => withChannel(request, (channel) => channels.push(channel)), { port: 0 });
  t.after(() => server.stop({ timeoutMs: 0 }));
  const clients = await Promise.all(Array.from({ length: 10 }, () => openWebSocket(server.port)));
  await eventually(() => assert.equal(channels.length, clients.length));
  const before = heapUsedNow();
  const perChannel = 20_000;
  for (const channel of channels) {
    for (let index = 0; index < perChannel; index++) channel.send(String(index % 10));
  }
  const growth = heapUsedNow() - before;
  // By themselves they would take some 30 MB.
  assert.ok(growth < 8_000_000, `the heap grew by ${growth} bytes`);
  for (const client of clients) {
    const bytes = await client.client.readBytes(3 * perChannel);
    const digits = Array.from({ length: perChannel }, (_, index) => String.fromCharCode(bytes[index * 3 + 2] ?? 0));
    assert.equal(digits.join(""), "0123456789".repeat(perChannel / 10));
    client.client.destroy();
  }
});
