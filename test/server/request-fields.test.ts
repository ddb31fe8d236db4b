import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { remoteAddress, type Server, serve, type ServeOptions } from "../../src/index.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

let server: Server;

/** What a handler sees of a request with these header lines. */
async function seen(
  lines: readonly string[],
  options: ServeOptions = {},
): Promise<{ fields: object; from: string; url: string }> {
  server = await serve(
    (request) =>
      Response.json({ fields: Object.fromEntries(request.headers), from: remoteAddress(request), url: request.url }),
    { port: 0, ...options },
  );
  const client = await connectRaw(server.port);
  client.write(`GET /path HTTP/1.1\r\n${["Host: a.example", ...lines].join("\r\n")}\r\n\r\n`);
  return JSON.parse((await client.readResponse()).text) as Awaited<ReturnType<typeof seen>>;
}

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

test("Header lines of one name are joined, cookies by semicolons, and space around values is cut off [C151]", async () => {
  const { fields } = await seen(["X-One: 1", "x-one: \t 2 \t", "Cookie: a=1", "COOKIE: b=2", "X-Latin: \xe9"]);
  assert.deepEqual(fields, { host: "a.example", "x-one": "1, 2", cookie: "a=1; b=2", "x-latin": "\u00e9" });
});

for (const host of [
  "EXAMPLE.com",
  "h:80",
  "h:443",
  "1.2",
  "0x7f.1",
  "a.",
  "xn--bcher-kva.example",
  "127.0.0.1:8080",
  "[::1]",
]) {
  test(`The URL of a request to ${host} is that of the standard, whatever its path needs`, async () => {
    server = await serve((request) => new Response(request.url), { port: 0 });
    const client = await connectRaw(server.port);
    for (const target of ["/path", "/./path"]) {
      client.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.equal((await client.readResponse()).text, new URL(`http://${host}/path`).href);
    }
  });
}

test("A client that makes up forwarding headers stays what it is [C152]", async () => {
  const made = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"];
  const { from, url } = await seen(made);
  assert.equal(from, "127.0.0.1");
  assert.equal(url, "http://a.example/path");
});

test("As many proxies as are trusted are believed, counted from the right [C152]", async () => {
  const lines = ["X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-For: 192.0.2.3", "X-Forwarded-Proto: https"];
  assert.equal((await seen(lines, { trustProxy: 1 })).from, "192.0.2.3");
  await server.stop({ timeoutMs: 0 });
  const second = await seen([...lines, "X-Forwarded-Host: b.example"], { trustProxy: 2 });
  assert.equal(second.from, "192.0.2.2");
  assert.equal(second.url, "https://b.example/path");
});
