import assert from "node:assert/strict";
import { test } from "node:test";
import { type Channel, type ChannelError, isChannelError, serve, withChannel } from "../../src/index.ts";
import { expectReusable, get, head, setStage } from "../http/stage.ts";
import { runProgram } from "../support/child.ts";
import { deferred, eventually } from "../support/expect.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();

const secret = "secret-message";
const fault = (): Error => new Error(secret);
/** For what a JavaScript caller may return and the types forbid. */
const asResponse = (value: unknown): Response => value as Response;

for (const [way, handler] of [
  ["throws", () => assert.fail(fault())],
  ["rejects", () => Promise.reject(fault())],
  ["rejects later", () => new Promise<Response>((_, reject) => setImmediate(() => reject(fault())))],
] as const) {
  test(`a handler that ${way} is a 500 that tells nothing, and the connection goes on [C128, C134, P23]`, async (t) => {
    const stage = await setStage(t, handler);
    const client = await stage.connect();
    client.write(get("/fails"));
    const response = await client.readResponse();
    assert.equal(response.status, 500);
    assert.match(response.header("content-type") ?? "", /^text\/plain/);
    assert.equal(response.header("connection"), undefined);
    assert.equal(response.text, "Internal Server Error\n");
    await expectReusable(client);
    assert.ok(!client.received.includes(secret));
    const [error] = stage.errors;
    assert.ok(error?.code === "HANDLER_FAILED" && error.details.handler === "request");
    assert.ok(error.cause instanceof Error && error.cause.message.includes(secret));
    assert.equal(stage.errors.length, 1);
  });
}

test("HEAD of a handler that throws has the length of the 500 and no body [C128]", async (t) => {
  const stage = await setStage(t, () => assert.fail(secret));
  const client = await stage.connect();
  client.write(head("/fails"));
  const response = await client.readResponse({ head: true });
  assert.equal(response.status, 500);
  assert.equal(response.header("content-length"), "22");
  await expectReusable(client);
});

test("a 500 closes the connection if the request asked for that [C128]", async (t) => {
  const stage = await setStage(t, () => assert.fail(secret));
  const client = await stage.connect();
  client.write(get("/fails", "Connection: close"));
  const response = await client.readResponse();
  assert.equal(response.status, 500);
  assert.equal(response.header("connection"), "close");
  assert.equal(await client.expectEnd(), "fin");
});

test("a handler that throws behind its complete answer adds nothing to it [C129]", async (t) => {
  const stage = await setStage(t, (request) => {
    void withChannel(request, (channel) => void channel.send("complete"));
    throw fault();
  });
  const client = await stage.connect();
  client.write(get("/fails"));
  assert.equal((await client.readResponse()).text, "complete");
  await expectReusable(client);
  assert.equal(stage.errors.length, 1);
});

for (const isLater of [false, true]) {
  const when = isLater ? "long after" : "in the same turn as";
  test(`a handler that throws ${when} its first chunk cuts the stream, without an end that would look whole [C130]`, async (t) => {
    const go = deferred();
    const stage = await setStage(t, (request, path) =>
      withChannel(request, async (channel) => {
        channel.onClose((status, detail) => stage.log.record("close", path, status, detail.code));
        channel.send("begun", { close: false });
        if (isLater) await go.promise;
        throw fault();
      }),
    );
    const client = await stage.connect();
    client.write(get("/fails"));
    if (isLater) {
      await client.readUntil("begun\r\n");
      go.resolve();
    }
    const rest = await client.readToEnd();
    assert.ok(!rest.includes("0\r\n\r\n"), rest.toString("latin1"));
    assert.ok(!client.received.includes(secret));
    assert.deepEqual((await stage.log.waitFor("close")).args, ["/fails", "internal-server-error", 1011]);
  });
}

test("a handler that takes the channel and throws leaves no channel that could answer a second time [C131]", async (t) => {
  const kept: Channel[] = [];
  const stage = await setStage(t, (request, path) =>
    withChannel(request, (channel) => {
      kept.push(channel);
      channel.onClose((status) => stage.log.record("close", path, status));
      throw fault();
    }),
  );
  const client = await stage.connect();
  client.write(get("/fails"));
  assert.equal((await client.readResponse()).status, 500);
  assert.equal(kept[0]?.send("ghost"), false);
  assert.equal(kept[0]?.isOpen, false);
  assert.deepEqual((await stage.log.waitFor("close")).args, ["/fails", "server-close"]);
  await expectReusable(client);
});

for (const [what, value] of [
  ["undefined", undefined],
  ["null", null],
  ["a text", "text"],
  ["a number", 200],
  ["an answer for a channel", { status: 200, headers: {}, body: "text" }],
  ["an object that throws when it is looked at", Object.defineProperty({}, "status", { get: fault })],
] as const) {
  for (const isPromise of [false, true]) {
    test(`a handler that returns ${isPromise ? "a promise of " : ""}${what} is a 500 and reported [C132, C134]`, async (t) => {
      const errors: ChannelError[] = [];
      const handler = (): Response => asResponse(isPromise ? Promise.resolve(value) : value);
      const server = await serve(handler, { port: 0, onError: (error) => errors.push(error) });
      t.after(() => server.stop({ timeoutMs: 0 }));
      const client = await connectRaw(server.port);
      t.after(() => client.destroy());
      client.write(get("/first") + get("/second"));
      assert.equal((await client.readResponse()).status, 500);
      assert.equal((await client.readResponse()).status, 500);
      assert.equal(errors.length, 2);
    });
  }
}

test("of a promise-like that settles many times only the first counts [C133]", async (t) => {
  const stage = await setStage(t, () => {
    const thenable = {
      // oxlint-disable-next-line unicorn/no-thenable -- as libraries with callbacks make them
      then(resolve: (value: Response) => void, reject: (cause: unknown) => void): void {
        resolve(new Response("first"));
        resolve(new Response("second"));
        reject(fault());
        throw fault();
      },
    };
    return asResponse(thenable);
  });
  const client = await stage.connect();
  client.write(get("/often"));
  assert.equal((await client.readResponse()).text, "first");
  await expectReusable(client);
  assert.deepEqual(stage.errors, []);
});

test("what fails on one connection disturbs neither another nor the server [C134]", async (t) => {
  const stage = await setStage(t, (_request, path) => (path === "/fails" ? assert.fail(secret) : undefined));
  const parked = await stage.connect();
  parked.write(get("/parked"));
  const channel = await stage.channel("/parked");
  for (let count = 0; count < 20; count++) {
    const client = await stage.connect();
    client.write(get("/fails"));
    assert.equal((await client.readResponse()).status, 500);
  }
  channel.send("undisturbed");
  assert.equal((await parked.readResponse()).text, "undisturbed");
});

test("faults of every handler of a WebSocket are reported, and it stays open [C134]", async (t) => {
  t.after(destroyOpenClients);
  const stage = await setStage(t, (request) =>
    withChannel(request, (channel) => {
      channel.onReceive((message) => (message === "throw" ? assert.fail(secret) : Promise.reject(fault())));
      channel.onPing(() => Promise.reject(fault()));
      channel.onClose(() => Promise.reject(fault()));
    }),
  );
  const socket = await openWebSocket(stage.port);
  socket.sendText("throw");
  socket.sendText("reject");
  socket.sendPing("still there");
  assert.equal((await socket.nextFrame()).payload.toString(), "still there");
  await eventually(() => assert.equal(stage.errors.length, 3));
  socket.sendClose(1000);
  await socket.expectCloseAndEnd(1000);
  await eventually(() => assert.equal(stage.errors.length, 4));
  const handlers = stage.errors.map((error) => (error.code === "HANDLER_FAILED" ? error.details.handler : error.code));
  assert.deepEqual(handlers.toSorted(), ["onClose", "onPing", "onReceive", "onReceive"]);
});

test("an error listener that throws is written to standard error, and the server goes on [C134]", async () => {
  const program = await runProgram(new URL("fault-program.js", import.meta.url).pathname, {
    args: ["throwing-listener"],
    readyPattern: /^port (\d+)$/,
  });
  const client = await connectRaw(Number(program.ready?.[1]));
  for (let count = 0; count < 3; count++) {
    client.write(get("/fails"));
    assert.equal((await client.readResponse()).status, 500);
  }
  client.write("no request\r\n\r\n");
  assert.equal((await client.readResponse()).status, 400);
  client.destroy();
  assert.equal(program.process.exitCode, null);
  await program.stop();
  assert.match(program.output(), /the listener fails/);
  assert.match(program.output(), /secret-message/);
});

test("without an error listener faults of the application go to standard error, those of peers nowhere", async () => {
  const program = await runProgram(new URL("fault-program.js", import.meta.url).pathname, {
    args: ["no-listener"],
    readyPattern: /^port (\d+)$/,
  });
  const client = await connectRaw(Number(program.ready?.[1]));
  client.write(get("/fails"));
  assert.equal((await client.readResponse()).status, 500);
  client.write("no request\r\n\r\n");
  assert.equal((await client.readResponse()).status, 400);
  client.destroy();
  await program.stop();
  assert.match(program.output(), /HANDLER_FAILED/);
  assert.match(program.output(), /secret-message/);
  assert.doesNotMatch(program.output(), /PEER_FAULT/);
});

test("a port that is taken rejects with LISTEN_FAILED, with the address and the cause", async (t) => {
  const { port } = await setStage(t);
  const error: unknown = await serve(() => new Response(), { port }).catch((cause: unknown) => cause);
  assert.ok(isChannelError(error) && error.code === "LISTEN_FAILED");
  assert.deepEqual(error.details, { hostname: "127.0.0.1", port, reason: "EADDRINUSE" });
  assert.equal(error.message, `The server cannot listen on 127.0.0.1 port ${port}: EADDRINUSE`);
  assert.equal((error.cause as NodeJS.ErrnoException).code, "EADDRINUSE");
});

test("an address of another machine rejects with LISTEN_FAILED", async () => {
  await assert.rejects(
    serve(() => new Response(), { port: 0, hostname: "192.0.2.1" }),
    { code: "LISTEN_FAILED" },
  );
});

test("a server says where it is reached, with the port that it got", async () => {
  const errors: ChannelError[] = [];
  const server = await serve(() => new Response("here"), { port: 0, onError: (error) => errors.push(error) });
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.equal(await (await fetch(server.url)).text(), "here");
  await server.stop();
  const onIpv6 = await serve(() => new Response("here"), { port: 0, hostname: "::1" });
  assert.equal(onIpv6.url, `http://[::1]:${onIpv6.port}`);
  assert.equal(await (await fetch(onIpv6.url)).text(), "here");
  await onIpv6.stop();
  const everywhere = await serve(() => new Response("here"), { port: 0, hostname: "0.0.0.0" });
  assert.equal(everywhere.url, `http://localhost:${everywhere.port}`);
  await everywhere.stop();
});
