import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Limits, type RequestHandler, type Server, serve, withChannel } from "../../src/index.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { eventually, within } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const large = "x".repeat(20 * 1024 * 1024);
let server: Server;

const start = async (handler: RequestHandler, limits: Partial<Limits> = {}): Promise<void> => {
  server = await serve(handler, { port: 0, limits });
};

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

test("A large answer that is still being written when the server stops arrives whole [C126]", async () => {
  await start((request) => withChannel(request, (channel) => void channel.send(large)));
  const client = await connectRaw(server.port);
  client.write(get);
  await client.readHead();
  client.pause();
  const stopped = server.stop({ timeoutMs: 5000 });
  await delay(100);
  client.resume();
  assert.equal((await client.readBytes(large.length, { timeoutMs: 4000 })).length, large.length);
  client.end();
  assert.equal(await within(2000, stopped, "stop"), true);
});

test("An answer that closes the connection is written to its end, however late the client reads [C126]", async () => {
  await start((request) => withChannel(request, (channel) => void channel.send(large)), { lingerTimeoutMs: 100 });
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await client.readHead();
  client.pause();
  await delay(400);
  client.resume();
  assert.equal((await client.readBytes(large.length, { timeoutMs: 4000 })).length, large.length);
  assert.equal(await client.expectEnd(), "fin");
});

for (const connection of ["close", "keep-alive"]) {
  test(`A client that reads nothing of a whole answer is let go of after the idle time (${connection})`, async () => {
    await start((request) => withChannel(request, (channel) => void channel.send(large)), { idleTimeoutMs: 200 });
    const client = await connectRaw(server.port);
    client.pause();
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`);
    await delay(600);
    assert.equal(await within(1000, server.stop({ timeoutMs: 5000 }), "stop"), true);
  });
}

test("A client that reads a whole answer slowly gets all of it, however long beyond the idle time that takes", async () => {
  await start((request) => withChannel(request, (channel) => void channel.send(large)), { idleTimeoutMs: 600 });
  const client = await connectRaw(server.port);
  client.write(get);
  for (let part = 0; part < 9; part++) {
    client.pause();
    await delay(100);
    client.resume();
    await eventually(() => assert.ok(client.unread.length >= ((part + 1) * large.length) / 10));
  }
  assert.equal((await client.readResponse({ timeoutMs: 4000 })).body.length, large.length);
  client.write(get);
  await client.readHead();
});

test("A client that reads no answers has few of its pipelined requests handled [C124]", async () => {
  let handled = 0;
  await start((request) => {
    handled += 1;
    return withChannel(request, (channel) => void channel.send(large));
  });
  const client = await connectRaw(server.port);
  client.pause();
  client.write(get.repeat(50));
  await eventually(() => assert.ok(handled > 0));
  await delay(200);
  assert.equal(handled, 1);
  client.resume();
  for (let count = 0; count < 3; count++) {
    assert.equal((await client.readResponse({ timeoutMs: 4000 })).body.length, large.length);
  }
});

for (const connection of ["close", "keep-alive"]) {
  test(`The signal of a request stays silent when its answer was whole and the connection closes (${connection})`, async () => {
    let aborted = 0;
    await start((request) => {
      request.signal.addEventListener("abort", () => void (aborted += 1));
      return new Response("whole");
    });
    const client = await connectRaw(server.port);
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`);
    assert.equal((await client.readResponse()).text, "whole");
    client.end();
    await client.closed;
    await delay(50);
    assert.equal(aborted, 0);
  });
}

for (const tls of [false, true]) {
  test(`Stopping ends an idle connection at once, TLS ${tls ? "on" : "off"} [C135]`, async () => {
    server = await serve(() => new Response("answer"), {
      port: 0,
      ...(tls ? { tls: selfSignedCertificate() } : {}),
    });
    const silent = await connectRaw(server.port, { tls });
    const idle = await connectRaw(server.port, { tls });
    idle.write(get);
    await idle.readResponse();
    const stopped = server.stop({ timeoutMs: 5000 });
    await Promise.all([silent.expectEnd({ timeoutMs: 500 }), idle.expectEnd({ timeoutMs: 500 })]);
    silent.end();
    idle.end();
    assert.equal(await within(1000, stopped, "stop"), true);
  });
}
