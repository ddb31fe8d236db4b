import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Server, serve } from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { within } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

let server: Server;

afterEach(destroyOpenClients);

for (const [what, bytes] of [
  ["says nothing", ""],
  ["speaks plain HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
] as const) {
  test(`A client that ${what} to a TLS server leaves nothing behind that counts or keeps it from stopping`, async () => {
    server = await serve(() => new Response("served"), {
      port: 0,
      tls: selfSignedCertificate(),
      limits: { maxConnections: 1 },
    });
    for (let probe = 0; probe < 3; probe++) {
      const client = await connectRaw(server.port);
      client.write(bytes);
      client.end();
      await client.closed;
    }
    const client = await connectRaw(server.port, { tls: true });
    client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.equal((await client.readResponse()).text, "served");
    client.end();
    assert.equal(await within(2000, server.stop({ timeoutMs: 500 }), "stop"), true);
  });
}
