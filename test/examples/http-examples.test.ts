import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../support/expect.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { post, request, startExample } from "./example.ts";

const byHand = { "x-requested-with": "test" };

test("every example is whole, short, checked, and says how to try it", () => {
  for (const name of readdirSync("examples").filter((file) => file.endsWith(".js"))) {
    const text = readFileSync(`examples/${name}`, "utf8");
    assert.ok(text.startsWith("// @ts-check\n/**\n"), name);
    assert.ok(text.includes(`node examples/${name}`), name);
    assert.match(text, /curl|browser/, name);
    assert.match(text, /from "channelkit";/, name);
    const lines = text.split("\n").filter((line) => !/^\s*(?:\/\/|\/?\*|$)/.test(line));
    assert.ok(lines.length <= 90, `${name} has ${lines.length} lines of code`);
  }
});

test("long-poll.js answers all that wait with the news, and each only once", async (context) => {
  const example = await startExample(context, "long-poll.js");
  const polls = [await request(context, example, "/news"), await request(context, example, "/news")];
  // A poll may still be on its way when the news come: it is then answered by the next ones.
  let answered = 0;
  await eventually(async () => {
    const text = await post(example, "/publish", "fresh news", { status: 202, headers: byHand });
    answered += Number(/^answered (\d)$/m.exec(text)?.[1]);
    assert.equal(answered, 2);
  });
  for (const poll of polls) {
    const response = await poll.readResponse();
    assert.equal(response.status, 200);
    assert.equal(response.text, "fresh news");
    await poll.expectNothing(50);
  }
});

test("long-poll.js holds a poll no longer than its time, answers 204, and the connection goes on [C153] [C154]", async (context) => {
  const example = await startExample(context, "long-poll.js", { HOLD_MS: "1000" });
  const poll = await request(context, example, "/news");
  const start = performance.now();
  const response = await poll.readResponse();
  assert.equal(response.status, 204);
  assert.ok(performance.now() - start >= 900, "it was held");
  poll.write(`GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await poll.expectNothing(50);
  assert.equal(await post(example, "/publish", "late", { status: 202, headers: byHand }), "answered 1\n");
  assert.equal((await poll.readResponse()).text, "late");
  await poll.expectNothing(1200);
  await post(example, "/publish", "nobody", { status: 403, headers: {} });
});

test("stream.js sends its lines one by one and ends, and stops for a client that leaves", async (context) => {
  const example = await startExample(context, "stream.js");
  const client = await request(context, example, "/");
  const head = await client.readHead();
  assert.equal(head.header("transfer-encoding"), "chunked");
  const start = performance.now();
  const pieces: string[] = [];
  for (let piece = await client.readChunk(); piece.length > 0; piece = await client.readChunk()) {
    pieces.push(piece.toString());
  }
  assert.deepEqual(pieces.join("").split("\n"), [
    "here they come",
    ...Array.from({ length: 10 }, (_, index) => `message ${index + 1} of 10`),
    "",
  ]);
  assert.ok(performance.now() - start > 1500, "over two seconds and not at once");
  const leaver = await request(context, example, "/");
  await leaver.readChunk().catch(() => undefined);
  leaver.destroy();
  await eventually(() => assert.match(example.output(), /client-close/));
});

test("websocket-echo.js gives back text and bytes as they came, and a page to try it with", async (context) => {
  const example = await startExample(context, "websocket-echo.js");
  const socket = await openWebSocket(example.port, "/echo");
  context.after(() => socket.client.destroy());
  socket.sendText("täxt");
  assert.equal(await socket.nextMessage(), "täxt");
  socket.sendBinary(Buffer.of(0, 255));
  assert.deepEqual(await socket.nextMessage(), Buffer.of(0, 255));
  socket.sendClose(4001, "bye");
  await socket.expectClose(4001, { reason: "bye" });
  await eventually(() => assert.match(example.output(), /unknown 4001 bye/));
  assert.match(await (await fetch(example.url)).text(), /new WebSocket/);
  assert.equal((await fetch(`${example.url}/echo`)).status, 426);
  const foreign = openWebSocket(example.port, "/echo", { headers: { Origin: "http://elsewhere.example" } });
  await assert.rejects(foreign, /403/);
});

test("express.js serves the routes of the application and channels on one port, and ends both in good order", async (context) => {
  const example = await startExample(context, "express.js");
  const poll = await request(context, example, "/live");
  await eventually(async () => {
    assert.equal(await (await fetch(`${example.url}/hello`)).text(), "hello from Express, 1 live\n");
  });
  const socket = await openWebSocket(example.port, "/live?any");
  context.after(() => socket.client.destroy());
  socket.sendText("to all");
  assert.equal(await socket.nextMessage(), "to all");
  assert.equal((await poll.readResponse()).text, "to all");
  poll.write("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.equal(
    (await poll.readResponse()).text,
    "hello from Express, 1 live\n",
    "Express on the connection of the poll",
  );
  poll.write("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await assert.rejects(openWebSocket(example.port, "/nothing"), /404/);
  assert.equal((await fetch(`${example.url}/nothing`)).status, 404);
  await eventually(async () => assert.match(await (await fetch(`${example.url}/hello`)).text(), /2 live/));
  const exit = example.stop("SIGTERM");
  await socket.expectClose(1001);
  assert.equal((await poll.readResponse()).status, 503);
  assert.deepEqual(await exit, { code: 0, signal: null });
});

test("ai-tokens.js streams an answer over HTTP and over a WebSocket, one prompt after the other", async (context) => {
  const example = await startExample(context, "ai-tokens.js", { TOKEN_MS: "5" });
  const response = await fetch(`${example.url}/?prompt=why`);
  assert.equal(
    await response.text(),
    'You asked "why". That is a good question, and there are many good answers to it. ',
  );
  const socket = await openWebSocket(example.port, "/");
  context.after(() => socket.client.destroy());
  socket.sendText("one");
  socket.sendText("two");
  let text = "";
  while (!text.includes('"two"') || !text.endsWith("to it. ")) text += String(await socket.nextMessage());
  assert.match(text, /^You asked "one"\. That .* to it\. You asked "two"\. That .* to it\. $/);
});

test("ai-tokens.js stops the model as soon as its reader leaves", async (context) => {
  const example = await startExample(context, "ai-tokens.js", { TOKEN_MS: "100" });
  const client = await request(context, example, "/?prompt=why");
  await client.readHead();
  await client.readChunk();
  client.destroy();
  await eventually(() => assert.match(example.output(), /^stopped after \d tokens$/m));
  const socket = await openWebSocket(example.port, "/");
  socket.sendText("why");
  await socket.nextMessage();
  socket.client.destroy();
  await eventually(() => assert.match(example.output(), /^stopped after .*\n(.*\n)*stopped after \d tokens$/m));
});
