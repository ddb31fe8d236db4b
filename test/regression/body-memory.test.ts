import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "../../src/index.ts";
import { connectRaw } from "../support/raw-client.ts";
import { heapUsedAfterGarbageCollection } from "../support/resources.ts";

test("A body that comes byte by byte takes no more memory than its bytes, and arrives whole [C63, C145]", async (t) => {
  const pieces = 200_000;
  let received = "";
  const server = await serve(
    async (request) => {
      received = await request.text();
      return new Response();
    },
    { port: 0 },
  );
  t.after(() => server.stop({ timeoutMs: 0 }));
  const client = await connectRaw(server.port);
  t.after(() => client.destroy());
  const before = await heapUsedAfterGarbageCollection();
  client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const digits = Array.from({ length: 10 }, (_, digit) => `1\r\n${digit}\r\n`).join("");
  let growth = 0;
  // A collection takes several turns, in each of which the server reads as much as this.
  for (let sent = 0; sent < pieces; sent += 10_000) {
    client.write(digits.repeat(1000));
    growth = (await heapUsedAfterGarbageCollection()) - before;
  }
  // An object for each would be some 20 MB.
  assert.ok(growth < 5_000_000, `the heap grew by ${growth} bytes`);
  client.write("0\r\n\r\n");
  assert.equal((await client.readResponse()).status, 200);
  assert.equal(received, "0123456789".repeat(pieces / 10));
});
