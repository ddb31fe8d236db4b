import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Channel, type Limits, withChannel } from "../../src/index.ts";
import { expectReusable, get, post, setStage } from "../http/stage.ts";
import { deferred, eventually } from "../support/expect.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { setServer } from "./set-server.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

async function expectRefusal(client: RawClient, status: number): Promise<void> {
  const response = await client.readResponse();
  assert.equal(response.status, status);
  assert.equal(response.header("connection"), "close");
  assert.match(response.header("content-type") ?? "", /^text\/plain/);
  assert.ok(response.complete);
  assert.equal(await client.expectEnd(), "fin");
}

const lineOf = (length: number): string => `X: ${"a".repeat(length - 3)}`;
const requestLineOf = (length: number): string => `GET /${"a".repeat(length - 14)} HTTP/1.1`;

for (const [what, request] of [
  ["request line", (length: number) => `${requestLineOf(length)}\r\nHost: a\r\n\r\n`],
  ["header line", (length: number) => get("/now/a", lineOf(length))],
] as const) {
  test(`a ${what} of limit - 2 characters is served, one of limit - 1 is refused with 414 [C143]`, async (t) => {
    const stage = await setStage(t, () => new Response("served"), { limits: { maxLineBytes: 200 } });
    const within = await stage.connect();
    within.write(request(198));
    assert.equal((await within.readResponse()).status, 200);
    const over = await stage.connect();
    over.write(request(199));
    await expectRefusal(over, 414);
    assert.equal(stage.paths().length, 1);
  });
}

test("a chunk-size line and a trailer line over the limits of node:http are refused [C143]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxHeaderBytes: 1000 } });
  for (const body of [`1;${"a".repeat(20_000)}\r\nx\r\n`, `1\r\nx\r\n0\r\nX: ${"a".repeat(20_000)}\r\n\r\n`]) {
    const client = await stage.connect();
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    const { status } = await client.readResponse();
    assert.ok([400, 413, 414, 431].includes(status), String(status));
    await client.waitForEnd();
  }
  assert.deepEqual(stage.paths(), []);
});

test("60 header lines of 1000 bytes are served, 70 are refused with 431 [C144]", async (t) => {
  const stage = await setStage(t);
  const within = await stage.connect();
  within.write(get("/now/within", ...Array<string>(60).fill(lineOf(998))));
  assert.equal((await within.readResponse()).text, "within");
  const over = await stage.connect();
  over.write(get("/now/over", ...Array<string>(70).fill(lineOf(998))));
  await expectRefusal(over, 431);
  assert.deepEqual(stage.paths(), ["/now/within"]);
});

test("as many header lines as the limit are served, one more is refused with 431 [C144]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxHeaders: 50 } });
  const within = await stage.connect();
  within.write(get("/now/within", ...Array<string>(49).fill("X: 1")));
  assert.equal((await within.readResponse()).text, "within");
  const over = await stage.connect();
  over.write(get("/now/over", ...Array<string>(50).fill("X: 1")));
  await expectRefusal(over, 431);
});

test("a body of as many bytes as the limit is taken, one of one more is refused on its head alone [C145, P50]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()), {
    limits: { maxBodyBytes: 100 },
  });
  const within = await stage.connect();
  within.write(post("/", "a".repeat(100)));
  assert.equal((await within.readResponse()).text, "a".repeat(100));
  await expectReusable(within);
  const over = await stage.connect();
  over.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
  await expectRefusal(over, 413);
});

test("a chunked body is counted as it comes: 60 + 40 bytes are taken, 60 + 41 refused [C145]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()), {
    limits: { maxBodyBytes: 100 },
  });
  const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${"a".repeat(bytes)}\r\n`;
  const within = await stage.connect();
  within.write(`${chunked}${chunk(60)}${chunk(40)}0\r\n\r\n`);
  assert.equal((await within.readResponse()).text.length, 100);
  const over = await stage.connect();
  over.write(`${chunked}${chunk(60)}${chunk(41)}`);
  await expectRefusal(over, 413);
});

test("a chunk size near 2^31 is no way around the limit [C145]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxBodyBytes: 100 } });
  const client = await stage.connect();
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n${"a".repeat(101)}`);
  await expectRefusal(client, 413);
  assert.deepEqual(stage.paths(), []);
});

test("over the limit of pending requests the rest gets 503, on a connection that stays usable [C146]", async (t) => {
  const go = deferred();
  const slow = async (): Promise<Response> => {
    await go.promise;
    return new Response("slow");
  };
  const stage = await setStage(t, (_request, path) => (path === "/slow" ? slow() : undefined), {
    limits: { maxPendingRequests: 2 },
  });
  const clients = [await stage.connect(), await stage.connect(), await stage.connect(), await stage.connect()];
  for (const client of clients.slice(0, 2)) client.write(get("/slow"));
  await stage.log.waitFor("request", { count: 2 });
  for (const client of clients.slice(2)) {
    client.write(get("/slow"));
    const response = await client.readResponse();
    assert.equal(response.status, 503);
    assert.match(response.header("content-type") ?? "", /^text\/plain/);
    assert.equal(response.header("retry-after"), "1");
    assert.equal(response.header("connection"), undefined);
  }
  go.resolve();
  for (const client of clients.slice(0, 2)) assert.equal((await client.readResponse()).text, "slow");
  for (const client of clients) await expectReusable(client);
});

test("an upgrade over the limit of pending requests gets 503, too [C146]", async (t) => {
  const stage = await setStage(t, () => new Promise<Response>(() => undefined), { limits: { maxPendingRequests: 1 } });
  const first = await stage.connect();
  first.write(get("/slow"));
  await stage.log.waitFor("request");
  const second = await stage.connect();
  second.write(handshakeRequest());
  assert.equal((await second.readResponse()).status, 503);
  await second.expectEnd();
});

test("a client that leaves gives back its place among the pending requests [C146]", async (t) => {
  const stage = await setStage(t, () => new Promise<Response>(() => undefined), { limits: { maxPendingRequests: 1 } });
  const first = await stage.connect();
  first.write(get("/slow"));
  await stage.log.waitFor("request");
  first.reset();
  await eventually(async () => {
    const next = await connectRaw(stage.port);
    try {
      next.write(get("/now/next"));
      assert.equal((await next.readResponse()).status, 200);
    } finally {
      next.destroy();
    }
  });
});

test("parked channels and open WebSockets are not pending [C147]", async (t) => {
  const channels: Channel[] = [];
  const stage = await setStage(t, (request) => withChannel(request, (channel) => void channels.push(channel)), {
    limits: { maxPendingRequests: 1 },
  });
  for (let count = 0; count < 50; count++) {
    const client = await stage.connect();
    client.write(count % 2 === 0 ? get("/parked") : handshakeRequest({ path: "/socket" }));
    await stage.log.waitFor("request", { count: count + 1 });
  }
  await eventually(() => assert.equal(channels.length, 50));
  await expectReusable(await stage.connect());
});

test("a client that uploads 50 MB against a limit of 100 bytes can read its 413 [C148]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxBodyBytes: 100 } });
  const client = await stage.connect();
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n`);
  const piece = Buffer.alloc(100_000);
  let sent = 0;
  const pump = (): void => {
    while (sent < 500 && client.socket.writable) {
      sent += 1;
      if (!client.socket.write(piece)) {
        client.socket.once("drain", pump);
        return;
      }
    }
  };
  pump();
  const response = await client.readResponse({ timeoutMs: 10_000 });
  assert.equal(response.status, 413);
  assert.ok(response.complete);
});

test("input behind a refusal is thrown away only so long, then the connection is gone [C148]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxBodyBytes: 100, lingerTimeoutMs: 200 } });
  const client = await stage.connect();
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  assert.equal((await client.readResponse()).status, 413);
  await client.waitForEnd();
  const begunMs = ownTimeMs();
  const dripping = setInterval(() => client.write("x"), 10);
  t.after(() => clearInterval(dripping));
  await client.closed;
  assert.ok(ownTimeMs() - begunMs < 2000);
});

for (const [what, bytes] of [
  ["a fault in the request line", "HEAD /a b HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a fault in a header line", "HEAD / HTTP/1.1\r\nHost : a\r\n\r\n"],
  ["a fault that only the server finds", "HEAD / HTTP/1.1\r\n\r\n"],
] as const) {
  test(`a refused HEAD with ${what} gets no body [C148]`, async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    client.write(bytes);
    const head = await client.readHead();
    assert.equal(head.status, 400);
    assert.equal(head.header("content-length"), "12");
    assert.equal(await client.expectEnd(), "fin");
  });
}

for (const input of ["<script>", "marker-of-mine"]) {
  test(`no refusal repeats its input, as ${input} [C149]`, async (t) => {
    const stage = await setStage(t, undefined, { limits: { maxBodyBytes: 10 } });
    for (const bytes of [
      `GET /${input} BAD\r\n\r\n`,
      `${input} / HTTP/1.1\r\nHost: a\r\n\r\n`,
      `GET /${input} HTTP/1.1\r\nHost: ${input}@\r\n\r\n`,
      `GET /${input} HTTP/1.1\r\nHost: a\r\n${input} : x\r\n\r\n`,
      `GET /${input} HTTP/1.1\r\nHost: a\r\nExpect: ${input}\r\n\r\n`,
      `POST /${input} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${input}`,
      handshakeRequest({ version: 8, path: `/${input}` }),
    ]) {
      const client = await stage.connect();
      client.write(bytes);
      const everything = (await client.readToEnd()).toString("latin1");
      assert.match(everything, /^HTTP\/1\.1 4\d\d /);
      assert.match(everything, /Content-Type: text\/plain/);
      assert.ok(!everything.includes(input), everything);
    }
  });
}

for (const [limit, limits] of [
  ["in total", { maxConnections: 2 }],
  ["from one address", { maxConnectionsPerAddress: 2 }],
] satisfies [string, Partial<Limits>][]) {
  test(`more connections ${limit} than the limit get 503 and the end, until one of the others is closed`, async (t) => {
    const { port } = await setServer(t, () => new Response("served"), { limits });
    const first = await connectRaw(port);
    const second = await connectRaw(port);
    for (const client of [first, second]) {
      client.write(get("/"));
      assert.equal((await client.readResponse()).status, 200);
    }
    const third = await connectRaw(port);
    await expectRefusal(third, 503);
    third.end();
    await third.closed;
    second.destroy();
    await eventually(async () => {
      const next = await connectRaw(port);
      next.write(get("/"));
      const { status } = await next.readResponse();
      next.destroy();
      assert.equal(status, 200);
    });
    first.write(get("/"));
    assert.equal((await first.readResponse()).status, 200);
  });
}

test("header lines that take too long get 408", async (t) => {
  const stage = await setStage(t, undefined, { limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 } });
  const client = await stage.connect();
  client.write("GET / HTTP/1.1\r\nHos");
  const response = await client.readResponse({ timeoutMs: 3000 });
  assert.equal(response.status, 408);
  assert.equal(await client.expectEnd(), "fin");
});
