import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { isChannelError, type Server, serve, type ServeOptions, withChannel } from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { handshakeRequest, type HeaderOverrides } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

describe("the Origin of a handshake", () => {
  let server: Server | undefined;
  let handled = 0;
  afterEach(async () => {
    destroyOpenClients();
    await server?.stop({ timeoutMs: 0 });
    server = undefined;
    handled = 0;
  });

  async function start(options: ServeOptions = {}): Promise<void> {
    server = await serve(
      (request) => {
        handled += 1;
        return withChannel(request, () => undefined);
      },
      { port: 0, onError: () => undefined, ...options },
    );
  }

  /** @returns 101 when it may, 403 when it may not; checks that a refusal is final and no handler ran */
  async function ask(host: string, headers: HeaderOverrides, { tls = false } = {}): Promise<number> {
    assert.ok(server);
    const before = handled;
    const client = await connectRaw(server.port, { tls });
    client.write(handshakeRequest({ host, headers }));
    const { status } = await client.readHead();
    assert.equal(handled - before, status === 101 ? 1 : 0);
    if (status !== 101) await client.waitForEnd();
    client.destroy();
    return status;
  }

  it("is same-origin by default: the host and port that the request is for [C100]", async () => {
    await start();
    assert.equal(await ask("example.com", { Origin: "http://example.com" }), 101);
    assert.equal(await ask("example.com:8080", { Origin: "http://example.com:8080" }), 101);
    assert.equal(await ask("EXAMPLE.com", { Origin: "http://example.com" }), 101);
    assert.equal(await ask("example.com:80", { Origin: "http://example.com" }), 101);
    assert.equal(await ask("[::1]:9090", { Origin: "http://[::1]:9090" }), 101);
  });

  it("may be another host where the browser itself says that it is the same, as behind a proxy that puts its own", async () => {
    await start();
    const headers = { Origin: "https://example.com" };
    assert.equal(await ask("127.0.0.1:9090", { ...headers, "Sec-Fetch-Site": "same-origin" }), 101);
    for (const site of ["same-site", "cross-site", "none", "same-origin, same-origin"]) {
      assert.equal(await ask("127.0.0.1:9090", { ...headers, "Sec-Fetch-Site": site }), 403, site);
    }
  });

  for (const [what, host, origin] of [
    ["another host", "example.com", "http://evil.example"],
    ["a host that ends like it", "example.com", "http://evilexample.com"],
    ["a host that begins like it", "example.com", "http://example.com.evil.example"],
    ["a subdomain", "example.com", "http://sub.example.com"],
    ["another port", "example.com:8080", "http://example.com:8081"],
    ["the default port where the server has another", "example.com:8080", "http://example.com"],
    ["null, as sandboxed pages and files send it", "example.com", "null"],
    ["an empty Origin", "example.com", ""],
    ["the host with user information", "example.com", "http://example.com@evil.example"],
    ["the host with a path", "example.com", "http://example.com/"],
    ["two origins", "example.com", "http://example.com, http://example.com"],
    ["the host with a scheme that has no origin", "example.com", "file://example.com"],
    ["no URL", "example.com", "example.com"],
  ] as const) {
    it(`is refused with 403 when it is ${what} [C100]`, async () => {
      await start();
      assert.equal(await ask(host, { Origin: origin }), 403);
    });
  }

  it("may be missing: programs that are no browser send none [C100]", async () => {
    await start();
    assert.equal(await ask("example.com", {}), 101);
  });

  it("given twice is refused [C100]", async () => {
    await start();
    assert.equal(await ask("example.com", { Origin: ["http://example.com", "http://evil.example"] }), 403);
  });

  it("may be one of allowedOrigins, exactly, besides its own [C100]", async () => {
    await start({ allowedOrigins: ["https://app.example", "http://localhost:3000"] });
    assert.equal(await ask("example.com", { Origin: "https://app.example" }), 101);
    assert.equal(await ask("example.com", { Origin: "http://localhost:3000" }), 101);
    assert.equal(await ask("example.com", { Origin: "http://example.com" }), 101);
    assert.equal(await ask("example.com", { Origin: "http://app.example" }), 403);
    assert.equal(await ask("example.com", { Origin: "https://app.example:444" }), 403);
    assert.equal(await ask("example.com", { Origin: "https://sub.app.example" }), 403);
    assert.equal(await ask("example.com", { Origin: "null" }), 403);
  });

  it("may be anything with allowedOrigins *, null too [C100]", async () => {
    await start({ allowedOrigins: "*" });
    assert.equal(await ask("example.com", { Origin: "http://evil.example" }), 101);
    assert.equal(await ask("example.com", { Origin: "null" }), 101);
  });

  it("in allowedOrigins must be whole and exact: patterns, paths and null throw when the server is made [C100]", () => {
    const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";
    for (const origin of ["*.example.com", "example.com", "https://a.example/", "https://a.example/x", "null", "", 5]) {
      assert.throws(
        () => serve(() => new Response(), { allowedOrigins: [origin as string] }),
        isRefusal,
        String(origin),
      );
    }
    assert.throws(() => serve(() => new Response(), { allowedOrigins: "https://a.example" as "*" }), isRefusal);
  });

  it("must be https over TLS [C100]", async () => {
    await start({ tls: selfSignedCertificate() });
    assert.equal(await ask("example.com", { Origin: "https://example.com" }, { tls: true }), 101);
    assert.equal(await ask("example.com:443", { Origin: "https://example.com" }, { tls: true }), 101);
    assert.equal(await ask("example.com", { Origin: "http://example.com" }, { tls: true }), 403);
  });

  it("may be https over a plain socket, which may stand behind a proxy that ends TLS [C100]", async () => {
    await start();
    assert.equal(await ask("example.com", { Origin: "https://example.com" }), 101);
  });

  it("is not compared with X-Forwarded-Host unless a proxy is trusted [C100, C152]", async () => {
    await start();
    const forwarded = { "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https" };
    assert.equal(await ask("example.com", { ...forwarded, Origin: "https://evil.example" }), 403);
    assert.equal(await ask("example.com", { ...forwarded, Origin: "http://example.com" }), 101);
  });

  it("is compared with what the trusted proxy says: host and scheme [C100, C152]", async () => {
    await start({ trustProxy: 1 });
    const forwarded = { "X-Forwarded-Host": "example.com", "X-Forwarded-Proto": "https" };
    assert.equal(await ask("10.0.0.1:9090", { ...forwarded, Origin: "https://example.com" }), 101);
    assert.equal(await ask("10.0.0.1:9090", { ...forwarded, Origin: "http://example.com" }), 403);
    assert.equal(await ask("10.0.0.1:9090", { ...forwarded, Origin: "https://10.0.0.1:9090" }), 403);
    assert.equal(await ask("example.com", { Origin: "http://example.com" }), 101);
  });

  it("is compared with the entry of the trusted proxy, not with one that the client wrote before it [C100, C152]", async () => {
    await start({ trustProxy: 1 });
    const forwarded = { "X-Forwarded-Host": "evil.example, example.com", "X-Forwarded-Proto": "http, https" };
    assert.equal(await ask("10.0.0.1:9090", { ...forwarded, Origin: "https://example.com" }), 101);
    assert.equal(await ask("10.0.0.1:9090", { ...forwarded, Origin: "http://evil.example" }), 403);
    const lines = { "X-Forwarded-Host": ["evil.example", "example.com"], "X-Forwarded-Proto": "https" };
    assert.equal(await ask("10.0.0.1:9090", { ...lines, Origin: "https://example.com" }), 101);
    assert.equal(await ask("10.0.0.1:9090", { ...lines, Origin: "https://evil.example" }), 403);
  });
});
