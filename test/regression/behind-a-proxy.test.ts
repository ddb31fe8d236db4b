import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Server, serve, withChannel } from "../../src/index.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

let server: Server;

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

for (const [target, url] of [
  ["//other.example/path?a=1", "http://site.example//other.example/path?a=1"],
  ["/path", "http://site.example/path"],
] as const) {
  test(`The target ${target} is a path on this host also behind a proxy [C152]`, async () => {
    server = await serve((request) => new Response(request.url), { port: 0, trustProxy: 1 });
    const client = await connectRaw(server.port);
    client.write(`GET ${target} HTTP/1.1\r\nHost: site.example\r\n\r\n`);
    assert.equal((await client.readResponse()).text, url);
  });
}

for (const [proto, origin, status] of [
  ["wss", "https://site.example", 101],
  ["https", "https://site.example", 101],
  [null, "https://site.example", 101],
  ["ws", "http://site.example", 101],
  ["ws", "https://site.example", 403],
  ["https", "http://site.example", 403],
] as const) {
  test(`A page of ${origin} gets ${status} when the proxy says ${proto ?? "nothing"} of the scheme [C100]`, async () => {
    server = await serve((request) => withChannel(request, () => undefined), { port: 0, trustProxy: 1 });
    const client = await connectRaw(server.port);
    client.write(handshakeRequest({ host: "site.example", headers: { Origin: origin, "X-Forwarded-Proto": proto } }));
    assert.equal((await client.readHead()).status, status);
  });
}
