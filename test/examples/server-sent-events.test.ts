import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test, type TestContext } from "node:test";
import { eventually } from "../support/expect.ts";
import type { RawClient } from "../support/raw-client.ts";
import { type Example, post, request, startExample } from "./example.ts";

type Event = { type: string; data: string; id: string };

/** Reads as WHATWG HTML §9.2.6 says, from the chunks of one response. */
class EventReader {
  readonly client: RawClient;
  comments = 0;
  lastId = "";
  retryMs = "";
  #text = "";

  constructor(client: RawClient) {
    this.client = client;
  }

  async next(): Promise<Event> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end === -1) {
        this.#text += (await this.client.readChunk()).toString();
        continue;
      }
      const lines = this.#text.slice(0, end).split("\n");
      this.#text = this.#text.slice(end + 2);
      const event = this.#read(lines);
      if (event !== undefined) return event;
    }
  }

  #read(lines: string[]): Event | undefined {
    const data: string[] = [];
    let type = "message";
    for (const line of lines) {
      if (line.startsWith(":")) this.comments += 1;
      const [, field = "", value = ""] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (field === "data") data.push(value);
      if (field === "event") type = value;
      if (field === "id") this.lastId = value;
      if (field === "retry") this.retryMs = value;
    }
    return data.length === 0 ? undefined : { type, data: data.join("\n"), id: this.lastId };
  }
}

async function open(context: TestContext, example: Example, lastEventId?: string): Promise<EventReader> {
  const fields = lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId };
  const client = await request(context, example, "/events", { Accept: "text/event-stream", ...fields });
  const head = await client.readHead();
  assert.equal(head.status, 200);
  assert.match(head.header("content-type") ?? "", /^text\/event-stream/);
  assert.match(head.header("cache-control") ?? "", /no-store/);
  const reader = new EventReader(client);
  assert.equal((await reader.next()).type, "ready");
  return reader;
}

async function publish(example: Example, text: string): Promise<void> {
  await post(example, "/publish", text, { status: 202, headers: { "x-requested-with": "test" } });
}

test("server-sent-events.js gives a reader that was cut all that it missed, in order, and then what comes", async (context) => {
  const example = await startExample(context, "server-sent-events.js");
  const first = await open(context, example);
  await publish(example, "one");
  const one = await first.next();
  assert.deepEqual([one.type, one.data], ["message", "one"]);
  first.client.reset();
  for (const text of ["two", "three"]) await publish(example, text);
  const second = await open(context, example, one.id);
  await publish(example, "four");
  const got = [await second.next(), await second.next(), await second.next()];
  assert.deepEqual(
    got.map(({ data }) => data),
    ["two", "three", "four"],
  );
  assert.equal(new Set([one, ...got].map(({ id }) => id)).size, 4);
});

test("server-sent-events.js gives a reader an id before the first event, so that it misses nothing when cut at once", async (context) => {
  const example = await startExample(context, "server-sent-events.js");
  await publish(example, "before it came");
  const first = await open(context, example);
  assert.equal(first.retryMs, "1000");
  first.client.destroy();
  await publish(example, "while it was away");
  const second = await open(context, example, first.lastId);
  assert.equal((await second.next()).data, "while it was away");
});

test("server-sent-events.js tells a reader whose id it does not know, and goes on", async (context) => {
  const example = await startExample(context, "server-sent-events.js");
  await publish(example, "one");
  for (const id of ["nonsense", "0123456789abcdef-7"]) {
    const reader = await open(context, example, id);
    const gap = await reader.next();
    assert.equal(gap.type, "gap");
    await publish(example, "next");
    assert.equal((await reader.next()).data, "next");
    const again = await open(context, example, gap.id);
    assert.equal((await again.next()).data, "next", "the gap has an id to come back with");
  }
});

test("server-sent-events.js keeps payloads with line breaks of any sort in one event", async (context) => {
  const example = await startExample(context, "server-sent-events.js");
  const reader = await open(context, example);
  const payloads = [
    "two\nlines",
    "a\r\nb\rc",
    "\n",
    "",
    "data: x\n\nevent: forged\nid: 7\n\n",
    ": comment\n\n",
    "ünïcödé",
  ];
  for (const payload of payloads) await publish(example, payload);
  for (const payload of payloads) {
    const event = await reader.next();
    assert.deepEqual([event.type, event.data], ["message", payload.replaceAll(/\r\n?/g, "\n")]);
  }
});

test("server-sent-events.js sends a comment now and then, which readers skip", async (context) => {
  const example = await startExample(context, "server-sent-events.js", { HEARTBEAT_MS: "50" });
  const reader = await open(context, example);
  const next = reader.next();
  await eventually(() => assert.match(reader.client.received.toString(), /:\n\n[^]*:\n\n/), { timeoutMs: 3000 });
  await publish(example, "event");
  assert.equal((await next).data, "event");
  assert.ok(reader.comments >= 2);
});

test("server-sent-events.js refuses what a foreign page could have sent, and has a page to try it with", async (context) => {
  const example = await startExample(context, "server-sent-events.js");
  await post(example, "/publish", "forged", { status: 403, headers: { "content-type": "text/plain" } });
  assert.match(await (await fetch(example.url)).text(), /new EventSource\("\/events"\)/);
});

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

test(
  "server-sent-events.js can be read and resumed with curl -N",
  { skip: !hasCurl && "curl is not installed" },
  async (context) => {
    const example = await startExample(context, "server-sent-events.js");
    const curl = (...parameters: string[]): { output(): string; stop(): void } => {
      const child = spawn("curl", ["-sN", ...parameters, `${example.url}/events`], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text));
      context.after(() => child.kill());
      return { output: () => output, stop: () => void child.kill() };
    };
    const first = curl();
    await eventually(() => assert.match(first.output(), /^event: ready$/m), { timeoutMs: 5000 });
    await publish(example, "two\nlines");
    await eventually(() => assert.match(first.output(), /^data: two\ndata: lines\n\n/m), { timeoutMs: 5000 });
    first.stop();
    const id = [...first.output().matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";
    await publish(example, "missed");
    const second = curl("-H", `Last-Event-ID: ${id}`);
    await eventually(() => assert.match(second.output(), /^data: missed$/m), { timeoutMs: 5000 });
    assert.doesNotMatch(second.output(), /two/);
  },
);
