import assert from "node:assert/strict";
import { test } from "node:test";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { withChannel } from "../../src/index.ts";
import { expectReusable, get, head, parkOne, post, readChunks, setStage } from "./stage.ts";

test("of pipelined polls and plain requests one at a time is with the application, and answers are in order [C53, P10]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  client.write(get("/poll-1") + get("/now/two") + get("/poll-3") + get("/now/four"));
  const first = await stage.channel("/poll-1");
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), ["/poll-1"]);
  first.send("one");
  assert.equal((await client.readResponse()).text, "one");
  assert.equal((await client.readResponse()).text, "two");
  const third = await stage.channel("/poll-3");
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), ["/poll-1", "/now/two", "/poll-3"]);
  third.send("three");
  assert.equal((await client.readResponse()).text, "three");
  assert.equal((await client.readResponse()).text, "four");
  await expectReusable(client);
});

test("a request behind a stream waits for the end of the stream [C53]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/stream", get("/stream") + get("/now/next"));
  channel.send("a", { close: false });
  await client.readHead();
  assert.equal((await client.readChunk()).toString(), "a");
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), ["/stream"]);
  channel.send("b");
  assert.deepEqual(await readChunks(client), ["b"]);
  assert.equal((await client.readResponse()).text, "next");
});

test("a request behind an asynchronous handler waits for its answer [C53, P10]", async (t) => {
  const answers: ((response: Response) => void)[] = [];
  const stage = await setStage(t, () => new Promise((resolve) => answers.push(resolve)));
  const client = await stage.connect();
  client.write(get("/1") + get("/2"));
  await stage.log.waitFor("request");
  await client.expectNothing(100);
  assert.equal(answers.length, 1);
  answers[0]?.(new Response("one"));
  await stage.log.waitFor("request", { count: 2 });
  answers[1]?.(new Response("two"));
  assert.equal((await client.readResponse()).text, "one");
  assert.equal((await client.readResponse()).text, "two");
});

test("bodies of pipelined requests stay with their requests [C53]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(`${request.method} ${await request.text()}`));
  const client = await stage.connect();
  client.write(
    post("/1", "body one") + post("/2", "") + head("/3") + post("/4", "GET /now/no HTTP/1.1\r\n\r\n") + get("/5"),
  );
  assert.equal((await client.readResponse()).text, "POST body one");
  assert.equal((await client.readResponse()).text, "POST ");
  assert.equal((await client.readResponse({ head: true })).header("content-length"), "5");
  assert.equal((await client.readResponse()).text, "POST GET /now/no HTTP/1.1\r\n\r\n");
  assert.equal((await client.readResponse()).text, "GET ");
});

test("a large body does not count as sent behind its own request [C53, C54]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(String((await request.text()).length)));
  const client = await stage.connect();
  for (let round = 0; round < 3; round++) {
    client.write(
      post("/large", "x".repeat(500_000)) + get("/now/next") + post("/large", "x".repeat(20_000)) + get("/now/last"),
    );
    assert.equal((await client.readResponse()).text, "500000");
    assert.equal((await client.readResponse()).text, "next");
    assert.equal((await client.readResponse()).text, "20000");
    assert.equal((await client.readResponse()).text, "last");
  }
  assert.deepEqual(stage.errors, []);
});

test("an answer sent while the head of the next request is half there leaves at once [C53]", async (t) => {
  const stage = await setStage(t);
  const next = get("/now/next");
  const { client, channel } = await parkOne(stage, "/poll", get("/poll") + next.slice(0, 20));
  channel.send("one");
  assert.equal((await client.readResponse()).text, "one");
  client.write(next.slice(20));
  assert.equal((await client.readResponse()).text, "next");
});

test("a channel that is answered inside the call that takes it lets the next request come [C53]", async (t) => {
  const stage = await setStage(t, (request, path) => withChannel(request, (channel) => void channel.send(path)));
  const client = await stage.connect();
  const paths = Array.from({ length: 50 }, (_, index) => `/${index}`);
  client.write(paths.map((path) => get(path)).join(""));
  for (const path of paths) assert.equal((await client.readResponse()).text, path);
  assert.deepEqual(stage.paths(), paths);
});

test("what is within the limits behind a parked request is held and answered [C54]", async (t) => {
  const stage = await setStage(t);
  const padding = `X-Padding: ${"x".repeat(600)}`;
  const paths = Array.from({ length: 90 }, (_, index) => `/now/${index}`);
  const { client, channel } = await parkOne(
    stage,
    "/poll",
    get("/poll") + paths.map((path) => get(path, padding)).join(""),
  );
  await client.expectNothing(100);
  channel.send("first");
  assert.equal((await client.readResponse()).text, "first");
  for (const index of paths.keys()) assert.equal((await client.readResponse()).text, String(index));
});

test("more requests behind a parked one than the limit drop the client [C54, C81]", async (t) => {
  const stage = await setStage(t, undefined, { limits: { maxPipelinedRequests: 5 } });
  const { client } = await parkOne(stage, "/poll", get("/poll") + get("/now/1").repeat(5));
  await client.expectNothing(100);
  client.write(get("/now/6"));
  await client.expectEnd();
  assert.equal((await stage.log.waitFor("close")).args[1], "client-close");
  assert.deepEqual(stage.paths(), ["/poll"]);
  assert.deepEqual(
    stage.errors.map(({ code }) => code),
    ["PEER_FAULT"],
  );
});

const tooMuch = {
  "an unfinished head": `GET / HTTP/1.1\r\nX-A: ${"x".repeat(200_000)}`,
  "a body": post("/", "x".repeat(200_000)),
};
for (const [name, bytes] of Object.entries(tooMuch)) {
  test(`more bytes of ${name} behind a parked request than the limit drop the client [C54, C81]`, async (t) => {
    const stage = await setStage(t);
    const { client } = await parkOne(stage, "/poll", get("/poll") + bytes);
    await client.expectEnd();
    assert.equal((await stage.log.waitFor("close")).args[1], "client-close");
  });
}

test("a client that leaves behind many pipelined requests is noticed [C81, P6]", async (t) => {
  const stage = await setStage(t);
  const { client } = await parkOne(stage, "/poll", get("/poll") + get("/now/x", `X-A: ${"x".repeat(1000)}`).repeat(50));
  client.destroy();
  assert.equal((await stage.log.waitFor("close", { timeoutMs: 1000 })).args[1], "client-close");
  assert.deepEqual(stage.paths(), ["/poll"]);
});

test("a megabyte behind a parked request does not hide that the client leaves [C81]", async (t) => {
  const stage = await setStage(t);
  const { client } = await parkOne(stage, "/poll", get("/poll"));
  client.write(get("/now/x").repeat(25_000));
  client.end();
  assert.equal((await stage.log.waitFor("close", { timeoutMs: 1000 })).args[1], "client-close");
  assert.deepEqual(stage.paths(), ["/poll"]);
});

test("garbage behind a parked request waits for its answer, then gets 400 and the end [C55, P51]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/poll", `${get("/poll")}GARBAGE\r\n\r\n`);
  await client.expectNothing(100);
  assert.equal(channel.isOpen, true);
  channel.send("fine");
  assert.equal((await client.readResponse()).text, "fine");
  const refusal = await client.readResponse();
  assert.equal(refusal.status, 400);
  assert.equal(refusal.header("connection"), "close");
  await client.expectEnd();
});

test("garbage in the same piece as the end of a body does not break off the request before it [C55]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(await request.text()));
  const client = await stage.connect();
  client.write(`${post("/echo", "hello")}GARBAGE\r\n\r\n`);
  assert.equal((await client.readResponse()).text, "hello");
  assert.equal((await client.readResponse()).status, 400);
  await client.expectEnd();
});

test("garbage behind a stream does not get into it [C55, P51]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/stream", get("/stream"));
  channel.send("a", { close: false });
  await client.readHead();
  client.write("GARBAGE\r\n\r\n");
  assert.equal((await client.readChunk()).toString(), "a");
  await client.expectNothing(100);
  channel.send("b");
  assert.deepEqual(await readChunks(client), ["b"]);
  assert.equal((await client.readResponse()).status, 400);
  await client.expectEnd();
});

test("requests between a parked one and garbage are answered before it is refused [C55]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(
    stage,
    "/poll",
    `${get("/poll")}${get("/now/two")}GARBAGE\r\n\r\n${get("/now/no")}`,
  );
  channel.send("one");
  assert.equal((await client.readResponse()).text, "one");
  assert.equal((await client.readResponse()).text, "two");
  assert.equal((await client.readResponse()).status, 400);
  await client.expectEnd();
  assert.deepEqual(stage.paths(), ["/poll", "/now/two"]);
});

for (const name of ["parked", "plain"]) {
  test(`requests behind a ${name} Connection: close request are dropped [C56]`, async (t) => {
    const stage = await setStage(t);
    const client = await stage.connect();
    const path = name === "parked" ? "/poll" : "/now/bye";
    client.write(get(path, "Connection: close") + get("/now/no"));
    if (name === "parked") {
      const channel = await stage.channel("/poll");
      await client.expectNothing(100);
      channel.send("bye");
    }
    assert.equal((await client.readResponse()).text, "bye");
    assert.equal(await client.expectEnd(), "fin");
    assert.deepEqual(stage.paths(), [path]);
  });
}

for (const way of ["FIN", "RST"] as const) {
  test(`polls that wait behind one whose client leaves by ${way} are never dispatched [C57, P3]`, async (t) => {
    const stage = await setStage(t);
    const { client } = await parkOne(stage, "/poll-1", get("/poll-1") + get("/poll-2"));
    if (way === "FIN") client.end();
    else client.reset();
    assert.deepEqual((await stage.log.waitFor("close", { timeoutMs: 1000 })).args.slice(0, 2), [
      "/poll-1",
      "client-close",
    ]);
    const probe = await stage.connect();
    await expectReusable(probe);
    assert.deepEqual(
      stage.paths().filter((path) => !path.startsWith("/now/")),
      ["/poll-1"],
    );
  });
}

test("a poll whose client leaves while a request before it runs is never dispatched [C57, P3]", async (t) => {
  const answers: ((response: Response) => void)[] = [];
  const stage = await setStage(t, (_, path) =>
    path === "/slow" ? new Promise<Response>((resolve) => answers.push(resolve)) : undefined,
  );
  const client = await stage.connect();
  client.write(get("/slow") + get("/poll"));
  await stage.log.waitFor("request");
  client.reset();
  await expectReusable(await stage.connect());
  answers[0]?.(new Response("late"));
  await expectReusable(await stage.connect());
  assert.ok(!stage.paths().includes("/poll"));
});

test("an upgrade behind a parked poll waits for its answer, and frames behind it are kept [C58, P12]", async (t) => {
  const stage = await setStage(t, (request, path) => {
    if (path !== "/ws") return undefined;
    return withChannel(request, (channel) =>
      channel.onReceive((message) => void channel.send(`echo ${String(message)}`)),
    );
  });
  const { client, channel } = await parkOne(stage, "/poll");
  client.write(Buffer.concat([Buffer.from(handshakeRequest({ path: "/ws" })), frames.text("early")]));
  await client.expectNothing(100);
  assert.deepEqual(stage.paths(), ["/poll"]);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  assert.equal((await client.readHead()).status, 101);
  const frame = await client.read("frame", frames.parseFrame);
  assert.equal(frame.payload.toString(), "echo early");
  assert.equal(channel.send("late"), false);
  client.write(frames.text("later"));
  assert.equal((await client.read("frame", frames.parseFrame)).payload.toString(), "echo later");
  await client.expectNothing(50);
});

test("a refused upgrade behind a parked poll is answered after it, and ends the connection [C58, C98]", async (t) => {
  const stage = await setStage(t, (_, path) => (path === "/ws" ? new Response("no", { status: 401 }) : undefined));
  const { client, channel } = await parkOne(
    stage,
    "/poll",
    get("/poll") + handshakeRequest({ path: "/ws" }) + get("/now/no"),
  );
  await client.expectNothing(100);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  assert.equal((await client.readResponse()).status, 401);
  await client.expectEnd();
  assert.deepEqual(stage.paths(), ["/poll", "/ws"]);
});

test("a client that leaves before its upgrade's turn never gets a channel [C57, C58]", async (t) => {
  const stage = await setStage(t);
  const { client } = await parkOne(stage, "/poll", get("/poll") + handshakeRequest({ path: "/ws" }));
  client.destroy();
  await stage.log.waitFor("close", { timeoutMs: 1000 });
  await expectReusable(await stage.connect());
  assert.ok(!stage.paths().includes("/ws"));
});

test("an offer of another protocol behind a parked poll is served as the plain request that it is [C58, C96]", async (t) => {
  const stage = await setStage(t);
  const offer = get("/now/plain", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk");
  const { client, channel } = await parkOne(stage, "/poll", get("/poll") + offer + get("/now/after"));
  await client.expectNothing(50);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  assert.equal((await client.readResponse()).text, "plain");
  assert.equal((await client.readResponse()).text, "after");
  await expectReusable(client);
});

test("the number of requests on one connection is not limited [P13]", async (t) => {
  const client = await (await setStage(t)).connect();
  for (let count = 0; count < 2000; count += 50) {
    client.write(get("/now/x").repeat(50));
    for (let each = 0; each < 50; each++) assert.equal((await client.readResponse()).text, "x");
  }
});

test("a poll behind a request whose client has ended its side is never dispatched; the running one is answered [C57, C79]", async (t) => {
  const answers: ((response: Response) => void)[] = [];
  const stage = await setStage(t, (_, path) =>
    path === "/slow" ? new Promise<Response>((resolve) => answers.push(resolve)) : undefined,
  );
  const client = await stage.connect();
  client.write(get("/slow") + get("/poll"));
  await stage.log.waitFor("request");
  client.end();
  await expectReusable(await stage.connect());
  answers[0]?.(new Response("slow"));
  assert.equal((await client.readResponse()).text, "slow");
  await client.expectEnd();
  await expectReusable(await stage.connect());
  assert.ok(!stage.paths().includes("/poll"));
});

test("a client that reads nothing, asks for more and then leaves is noticed [C80, C81, P6]", async (t) => {
  const stage = await setStage(t);
  const { client, channel } = await parkOne(stage, "/stream");
  client.pause();
  channel.send("x".repeat(30_000_000), { close: false });
  client.write(get("/now/1") + get("/now/2"));
  const probe = await stage.connect();
  await expectReusable(probe);
  await expectReusable(probe);
  client.end();
  assert.equal((await stage.log.waitFor("close", { timeoutMs: 1000 })).args[1], "client-close");
  assert.equal(channel.isOpen, false);
});
