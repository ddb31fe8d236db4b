import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { withChannel } from "../../src/index.ts";
import { LightRequest } from "../../src/server/light-messages.ts";
import { get, get10, parkOne, post, setStage } from "../http/stage.ts";
import { deferred, eventually } from "../support/expect.ts";
import { collectGarbage } from "../support/resources.ts";
import { openWebSocket } from "../support/websocket-client.ts";

type Pair = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** Node's own objects, as a tool that watches the process gets them. */
function watchNode(t: TestContext, take: (pair: Pair) => void): void {
  const listener = (event: unknown): void => take(event as Pair);
  subscribe("http.server.request.start", listener);
  t.after(() => unsubscribe("http.server.request.start", listener));
}

test("nothing that all requests have in common can be changed by one of them", () => {
  const template: object = Reflect.getPrototypeOf(LightRequest.prototype) ?? {};
  for (const key of Reflect.ownKeys(template)) {
    const value: unknown = Reflect.get(template, key);
    assert.ok(typeof value !== "object" || Object.isFrozen(value), String(key));
  }
});

test("header fields stay with their requests, side by side and one behind the other [C1, C151]", async (t) => {
  const stage = await setStage(t, (request) => Response.json([...request.headers]));
  const clients = await Promise.all([stage.connect(), stage.connect()]);
  for (const [index, client] of clients.entries()) {
    client.write(get("/first", `X-One: ${index}`, "Cookie: a=1", "Cookie: b=2") + get("/second", `X-Two: ${index}`));
  }
  for (const [index, client] of clients.entries()) {
    const first = [
      ["cookie", "a=1; b=2"],
      ["host", "localhost"],
      ["x-one", String(index)],
    ];
    const second = [
      ["host", "localhost"],
      ["x-two", String(index)],
    ];
    assert.deepEqual(JSON.parse((await client.readResponse()).text), first);
    assert.deepEqual(JSON.parse((await client.readResponse()).text), second);
  }
  const [client] = clients;
  client?.write(get10("/none"));
  assert.deepEqual(JSON.parse((await client?.readResponse())?.text ?? ""), []);
});

for (const [name, text, length] of [
  ["in pieces of a chunked coding", "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n", undefined],
  ["byte by byte", "abcde", 5],
] as const) {
  test(`a body that comes ${name} is read whole, and the next request behind it [C53, C145]`, async (t) => {
    const stage = await setStage(t, async (request) => new Response(await request.text()));
    const client = await stage.connect();
    const framing = length === undefined ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
    const request = `POST /body HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n${text}`;
    await client.writeByteByByte(request + get("/now/next"));
    assert.equal((await client.readResponse()).text, "abcde");
    assert.equal((await client.readResponse()).text, "next");
  });
}

test("a request whose method has a body, but which brings none, has an empty one in every form", async (t) => {
  const forms: Record<string, (request: Request) => Promise<unknown>> = {
    text: (request) => request.text(),
    arrayBuffer: async (request) => (await request.arrayBuffer()).byteLength,
    blob: async (request) => (await request.blob()).size,
    clone: (request) => request.clone().text(),
    stream: async (request) => (await new Response(request.body).arrayBuffer()).byteLength,
  };
  const stage = await setStage(t, async (request, path) => Response.json(await forms[path.slice(1)]?.(request)));
  const client = await stage.connect();
  for (const form of Object.keys(forms)) {
    client.write(`POST /${form} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const empty = form === "text" || form === "clone" ? "" : 0;
    assert.equal(JSON.parse((await client.readResponse()).text), empty, form);
  }
});

test("the request of a parked poll is whole: while it is parked, when it is answered, and when its client is gone", async (t) => {
  const requests: Request[] = [];
  const stage = await setStage(t, (request) => {
    requests.push(request);
    return undefined;
  });
  const { client, channel } = await parkOne(stage, "/poll", post("/poll?q=1", "body", "X-Field: value"));
  const [request] = requests;
  assert.ok(request);
  const check = (): void => {
    assert.equal(request.url, "http://localhost/poll?q=1");
    assert.equal(request.method, "POST");
    assert.equal(request.headers.get("x-field"), "value");
    assert.deepEqual(Object.fromEntries(request.headers)["content-length"], "4");
  };
  check();
  assert.equal(request.signal.aborted, false);
  assert.equal(await request.clone().text(), "body");
  channel.send("answer");
  await client.readResponse();
  check();
  client.destroy();
  const probe = await stage.connect();
  probe.write(get("/now/probe"));
  await probe.readResponse();
  check();
  assert.equal(request.signal.aborted, false);
  assert.equal(await request.text(), "body");
});

test("nothing that Node keeps for a request in progress is kept for a poll, a stream and a WebSocket that wait", async (t) => {
  const kept: WeakRef<ServerResponse>[] = [];
  watchNode(t, ({ response }) => void kept.push(new WeakRef(response)));
  const stage = await setStage(t);
  const poll = await parkOne(stage, "/poll", post("/poll", "body"));
  const stream = await parkOne(stage, "/stream");
  stream.channel.send("begun", { close: false });
  await stream.client.readHead();
  const socket = await openWebSocket(stage.port, "/ws");
  t.after(() => socket.client.destroy());
  await eventually(async () => {
    await collectGarbage();
    assert.deepEqual(
      kept.map((response) => response.deref()?.req.url),
      [undefined, undefined],
    );
  });
  poll.channel.send("still here");
  assert.equal((await poll.client.readResponse()).text, "still here");
});

test("tools that watch Node's requests get the events that they wait for, with each outcome", async (t) => {
  const events: string[] = [];
  watchNode(t, ({ request, response }) => {
    assert.equal(request.headers.host, "localhost");
    const path = `${request.method} ${request.url}`;
    for (const name of ["finish", "close"]) response.on(name, () => void events.push(`${path} response ${name}`));
    for (const name of ["end", "close"]) request.once(name, () => void events.push(`${path} request ${name}`));
  });
  const left = deferred();
  const stage = await setStage(t, (_, path) => {
    if (path !== "/left") return undefined;
    left.resolve();
    return new Promise(() => undefined);
  });
  const client = await stage.connect();
  client.write(post("/now/answered", "body"));
  await client.readResponse();
  const answered = ["request end", "response finish", "response close"].map((event) => `POST /now/answered ${event}`);
  await eventually(() => assert.deepEqual(events, answered));
  client.write(get("/left"));
  await left.promise;
  client.reset();
  const cut = ["request end", "request close", "response close"].map((event) => `GET /left ${event}`);
  await eventually(() => assert.deepEqual(events, [...answered, ...cut]));
});

test("a handler that runs when its client leaves learns it by the signal, a refused request leaves nothing behind [C77]", async (t) => {
  const signals: AbortSignal[] = [];
  const stage = await setStage(t, async (request, path) => {
    if (path !== "/slow") return withChannel(request, (channel) => void channel.send("x"));
    signals.push(request.signal);
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response("too late");
  });
  const client = await stage.connect();
  client.write(get("/slow"));
  await eventually(() => assert.equal(signals.length, 1));
  client.reset();
  await eventually(() => assert.equal(signals[0]?.aborted, true));
  const other = await stage.connect();
  other.write(`POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n`);
  assert.equal((await other.readResponse()).status, 413);
  other.write("x".repeat(100_000));
  await other.expectEnd();
});
