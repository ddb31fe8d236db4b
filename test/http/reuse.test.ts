import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { type Channel, eventStreamHeaders, withChannel } from "../../src/index.ts";
import { Recorder } from "../support/recorder.ts";
import { expectReusable, get, get10, head, post, setStage } from "./stage.ts";

type Way = {
  readonly name: string;
  readonly request?: string;
  /** Given, the request is parked and its channel gets this. */
  readonly use?: (channel: Channel) => void;
  readonly handler?: (request: Request) => Response | Promise<Response>;
  readonly status?: number;
  readonly isHead?: boolean;
};

function slowStream(): ReadableStream<Uint8Array> {
  const pieces = ["a", "b", "c"];
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate);
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(Buffer.from(piece));
    },
  });
}

function fail(): never {
  throw new Error("secret");
}

/** Every sort of response after which the connection goes on. */
const ways: Way[] = [
  { name: "an answer of a channel", use: (channel) => channel.send("x") },
  { name: "an empty answer", use: (channel) => channel.send(null) },
  { name: "a 404 of a channel", use: (channel) => channel.send({ status: 404, body: "x" }), status: 404 },
  { name: "a 500 of a channel", use: (channel) => channel.send({ status: 500 }), status: 500 },
  { name: "a 204 of close()", use: (channel) => channel.close(), status: 204 },
  { name: "a 304", use: (channel) => channel.send({ status: 304, body: "x" }), status: 304 },
  { name: "a 205", use: (channel) => channel.send({ status: 205, body: "x" }), status: 205 },
  { name: "a large answer", use: (channel) => channel.send("x".repeat(3_000_000)) },
  {
    name: "a stream ended by a send",
    use: (channel) => {
      channel.send("a", { close: false });
      channel.send("b");
    },
  },
  {
    name: "a stream ended by close()",
    use: (channel) => {
      channel.send({ headers: eventStreamHeaders }, { close: false });
      channel.close();
    },
  },
  { name: "a stream body", use: (channel) => channel.send(Readable.from(["a", "b"])) },
  { name: "a stream body without a piece", use: (channel) => channel.send(Readable.from([])) },
  { name: "HEAD", request: head("/"), use: (channel) => channel.send("x"), isHead: true },
  { name: "HEAD of a stream", request: head("/"), use: (channel) => channel.send("x", { close: false }), isHead: true },
  { name: "a text response", handler: () => new Response("x") },
  { name: "a response without a body", handler: () => new Response(null, { status: 302 }), status: 302 },
  { name: "a returned stream", handler: () => new Response(slowStream()) },
  { name: "an asynchronous response", handler: () => Promise.resolve(new Response("x")) },
  { name: "a handler that throws", handler: fail, status: 500 },
  { name: "a handler that rejects", handler: () => Promise.reject(new Error("secret")), status: 500 },
  { name: "a handler that returns nothing", handler: () => 0 as unknown as Response, status: 500 },
  { name: "HEAD of a handler that throws", request: head("/"), handler: fail, status: 500, isHead: true },
  {
    name: "a use that throws",
    handler: (request) => withChannel(request, fail),
    status: 500,
  },
  {
    name: "a handler that takes the channel and answers as well",
    handler: (request) => {
      withChannel(request, () => undefined);
      return new Response("x");
    },
  },
  { name: "a POST whose body nobody reads", request: post("/", "x".repeat(100_000)), handler: () => new Response("x") },
  {
    name: "a POST whose body is read",
    request: post("/", "abc"),
    handler: async (request) => new Response(await request.text()),
  },
  { name: "a POST that is parked", request: post("/", "x".repeat(100_000)), use: (channel) => channel.send("x") },
  { name: "a GET with a body", request: post("/", "abc").replace("POST", "GET"), handler: () => new Response("x") },
  {
    name: "HTTP/1.0 with keep-alive",
    request: get10("/", "Connection: keep-alive"),
    use: (channel) => channel.send("x"),
  },
  { name: "OPTIONS *", request: get("*").replace("GET", "OPTIONS"), handler: () => new Response("x") },
  { name: "an absolute target", request: get("http://localhost/"), handler: () => new Response("x") },
];

for (const way of ways) {
  test(`after ${way.name} the connection serves the next request, twice over [C36]`, async (t) => {
    const taken = new Recorder();
    const park = (request: Request): Response => withChannel(request, (channel) => taken.record("channel", channel));
    const stage = await setStage(t, way.handler ?? park);
    const client = await stage.connect();
    for (let round = 1; round <= 2; round++) {
      client.write(way.request ?? get("/"));
      if (way.use !== undefined) way.use((await taken.waitFor("channel", { count: round })).args[0] as Channel);
      const response = await client.readResponse({ head: way.isHead ?? false, timeoutMs: 5000 });
      assert.equal(response.status, way.status ?? 200);
      assert.equal(response.complete, true);
      assert.notEqual(response.header("connection"), "close");
      assert.doesNotMatch(response.text, /secret/);
      await expectReusable(client);
    }
  });
}

test("a handler that throws with a request that asked for close ends the connection [C34, C128]", async (t) => {
  const stage = await setStage(t, fail);
  const client = await stage.connect();
  client.write(get("/", "Connection: close"));
  const response = await client.readResponse();
  assert.equal(response.status, 500);
  assert.equal(response.header("connection"), "close");
  assert.equal(await client.expectEnd(), "fin");
});

test("whatever order the sorts of responses come in, one connection serves them all [C36]", async (t) => {
  const handlers = ways.flatMap(({ handler }) => (handler === undefined ? [] : [handler]));
  let next = 0;
  const stage = await setStage(t, (request) => handlers[next++ % handlers.length]?.(request));
  const client = await stage.connect();
  for (let count = 0; count < 3 * handlers.length; count++) {
    client.write(get("/any"));
    assert.equal((await client.readResponse()).complete, true);
  }
  await expectReusable(client);
});
