import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openWebSocket, type RawWebSocket } from "../support/websocket-client.ts";
import { type Example, post, request, startExample } from "./example.ts";

type Batch = { epoch: string; offset: number; recovered: boolean; messages: { name: string; text: string }[] };

const json = { "content-type": "application/json" };

async function poll(example: Example, since?: string): Promise<Batch> {
  const response = await fetch(`${example.url}/poll${since === undefined ? "" : `?since=${since}`}`);
  assert.equal(response.status, 200);
  return (await response.json()) as Batch;
}

function word({ epoch, offset }: Batch): string {
  return `${epoch}-${offset}`;
}

async function say(example: Example, text: string): Promise<void> {
  await post(example, "/say", JSON.stringify({ name: "ann", text }), { status: 202, headers: json });
}

async function join(context: TestContext, example: Example, since: string): Promise<RawWebSocket> {
  const socket = await openWebSocket(example.port, `/chat?since=${since}`);
  context.after(() => socket.client.destroy());
  return socket;
}

async function nextTexts(socket: RawWebSocket): Promise<string[]> {
  return (JSON.parse(String(await socket.nextMessage())) as Batch).messages.map(({ text }) => text);
}

test("channel-store.js loses nothing that is said between two polls [1U-1]", async (context) => {
  const example = await startExample(context, "channel-store.js");
  const start = await poll(example);
  assert.deepEqual([start.offset, start.recovered, start.messages], [0, true, []]);
  const waiting = poll(example, word(start));
  await say(example, "one");
  const first = await waiting;
  assert.deepEqual(first.messages, [{ name: "ann", text: "one" }]);
  await say(example, "two");
  await say(example, "three");
  const second = await poll(example, word(first));
  assert.deepEqual(
    second.messages.map(({ text }) => text),
    ["two", "three"],
  );
  const all = await poll(example, word(start));
  assert.equal(all.messages.length, 3);
  assert.equal(word(all), word(second));
});

test("channel-store.js serves polls and WebSockets in one group, whoever speaks", async (context) => {
  const example = await startExample(context, "channel-store.js");
  const start = word(await poll(example));
  const socket = await join(context, example, start);
  const waiting = poll(example, start);
  socket.sendText(JSON.stringify({ name: "bob", text: "from a WebSocket" }));
  assert.deepEqual(await nextTexts(socket), ["from a WebSocket"]);
  const batch = await waiting;
  assert.deepEqual(batch.messages, [{ name: "bob", text: "from a WebSocket" }]);
  await say(example, "from HTTP");
  assert.deepEqual(await nextTexts(socket), ["from HTTP"]);
  socket.client.destroy();
  await say(example, "missed");
  const back = await join(context, example, word(batch));
  assert.deepEqual(await nextTexts(back), ["from HTTP", "missed"]);
  await say(example, "live");
  assert.deepEqual(await nextTexts(back), ["live"]);
});

test("channel-store.js answers 204 when nothing comes in time, and tells a client whose position it does not know", async (context) => {
  const example = await startExample(context, "channel-store.js", { HOLD_MS: "100" });
  const start = word(await poll(example));
  const client = await request(context, example, `/poll?since=${start}`);
  assert.equal((await client.readResponse()).status, 204);
  await say(example, "one");
  assert.equal((await poll(example, start)).messages.length, 1);
  for (const since of ["nonsense", "0123456789abcdef-1"]) {
    const { recovered, offset, messages } = await poll(example, since);
    assert.deepEqual([recovered, offset, messages], [false, 1, []]);
  }
});

test("channel-store.js refuses what is no message, and a message that a foreign page could have sent", async (context) => {
  const example = await startExample(context, "channel-store.js");
  for (const body of ["", "null", "[]", "{", '{"name":1,"text":"x"}']) {
    await post(example, "/say", body, { status: 400, headers: json });
  }
  await post(example, "/say", '{"name":"a","text":"b"}', { status: 415, headers: { "content-type": "text/plain" } });
  const socket = await join(context, example, word(await poll(example)));
  socket.sendText("no JSON");
  await socket.expectClose(1007);
  assert.equal((await fetch(`${example.url}/chat`)).status, 426);
  assert.equal((await fetch(`${example.url}/other`)).status, 404);
});
