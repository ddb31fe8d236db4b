import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { Server } from "../../src/index.ts";
import { serve } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { openDescriptors } from "../support/resources.ts";

let server: Server;

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

test("Clients that stay although they were refused are not kept in any number [C148]", async () => {
  server = await serve(() => new Response(), { port: 0, limits: { maxConnections: 5 } });
  const before = openDescriptors();
  // They never end their side, so that each of those that got a 503 lingers.
  const clients = await Promise.all(Array.from({ length: 40 }, () => connectRaw(server.port)));
  await Promise.all(clients.slice(5).map((client) => client.waitForEnd()));
  // Five are served, and five have been refused and may still read that.
  await eventually(() => assert.equal(openDescriptors() - before, clients.length + 10));
  const refused = clients.filter((client) => client.received.includes("503"));
  assert.equal(refused.length, 5);
});
