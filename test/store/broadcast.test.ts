import assert from "node:assert/strict";
import { test } from "node:test";
import { isChannelError, MemoryChannelStore } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { Crowd, namesIn, served } from "./crowd.ts";
import { RecordingChannel, reported } from "./recording-channel.ts";

const json = "application/json; charset=utf-8";

test("three WebSockets and two polls get each their own value; polls are answered and gone, WebSockets stay [CS3]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSockets = [await crowd.webSocket("a"), await crowd.webSocket("b"), await crowd.webSocket("c")];
  const polls = [await crowd.poll("d"), await crowd.poll("e")];
  const calls: string[] = [];
  const count = crowd.store.broadcast("lobby", (channel, { name }) => {
    calls.push(name);
    return { name, id: channel.id };
  });
  assert.equal(count, 5);
  await served(crowd.store);
  assert.deepEqual(calls.toSorted(), ["a", "b", "c", "d", "e"], "once for each member");
  for (const [index, name] of ["a", "b", "c"].entries()) {
    const frame = await webSockets[index]?.nextFrame();
    assert.equal(frame?.opcode, 1, "a text frame");
    assert.equal(frame.payload.toString(), JSON.stringify({ name, id: crowd.channel(name).id }));
  }
  for (const [index, name] of ["d", "e"].entries()) {
    const response = await polls[index]?.readResponse();
    assert.equal(response?.status, 200);
    assert.equal(response.header("content-type"), json);
    assert.equal(response.text, JSON.stringify({ name, id: crowd.channel(name).id }));
    assert.equal(crowd.channel(name).isOpen, false);
  }
  assert.deepEqual(namesIn(crowd.store), ["a", "b", "c"]);
  assert.equal(crowd.store.broadcast("lobby", "second"), 3);
  for (const webSocket of webSockets) assert.equal(await webSocket.nextMessage(), "second");
  for (const poll of polls) await poll.expectNothing(50);
});

test("a poll that was answered leaves its connection usable: the client polls again on it [CS3]", async (context) => {
  const crowd = await Crowd.start(context);
  const poll = await crowd.poll("a");
  for (const value of ["one", "two"]) {
    crowd.store.broadcast("lobby", value);
    assert.equal((await poll.readResponse()).text, value);
    poll.write("GET /a?group=lobby HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await crowd.log.waitFor("joined a", { count: value === "one" ? 2 : 3 });
  }
});

test("text goes out as text, bytes as bytes, anything else as JSON, over each kind [CS3]", async (context) => {
  const values: [value: unknown, type: string, text: string, opcode: number][] = [
    ["täxt", "text/plain; charset=utf-8", "täxt", 1],
    ["", "text/plain; charset=utf-8", "", 1],
    [Buffer.from("bytes"), "application/octet-stream", "bytes", 2],
    [new Uint8Array([104, 105]).buffer, "application/octet-stream", "hi", 2],
    [{ a: [1, "ä"] }, json, '{"a":[1,"ä"]}', 1],
    [[1, 2], json, "[1,2]", 1],
    [42, json, "42", 1],
    [false, json, "false", 1],
    [null, json, "null", 1],
  ];
  const crowd = await Crowd.start(context);
  const webSocket = await crowd.webSocket("ws");
  const stream = await crowd.stream("stream");
  for (const [value, type, text, opcode] of values) {
    const poll = await crowd.poll("poll");
    crowd.store.broadcast("lobby", value as string);
    const frame = await webSocket.nextFrame();
    assert.equal(frame.opcode, opcode);
    assert.equal(frame.payload.toString(), text);
    const response = await poll.readResponse();
    assert.equal(response.header("content-type"), type);
    assert.equal(response.header("cache-control"), "no-store");
    assert.equal(response.text, text);
    if (text !== "") assert.equal((await stream.readChunk()).toString(), text);
  }
  assert.equal(crowd.channel("stream").isOpen, true, "an empty value does not end a stream");
});

test("a value without a JSON form is refused at once and nobody gets anything [CS3]", async () => {
  const store = new MemoryChannelStore();
  const channel = new RecordingChannel("a", "websocket");
  store.add("lobby", channel);
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  for (const value of [undefined, Symbol("x"), 10n, cycle]) {
    for (const group of ["lobby", "nowhere"]) {
      assert.throws(
        () => store.broadcast(group, value as unknown as string),
        (error) => isChannelError(error) && error.code === "INVALID_ARGUMENT",
      );
    }
  }
  await served(store);
  assert.deepEqual(channel.received, []);
});

test("a promise is refused with what to do, and nobody gets an empty object for it [CS3]", async () => {
  const awaited = /await it first/;
  const unawaited = (): string => Promise.resolve("later") as unknown as string;
  const format = ({ messages }: { readonly messages: unknown }): object => ({ messages });
  for (const options of [{}, { history: true }, { history: true, format }]) {
    const store = new MemoryChannelStore(options);
    const channel = new RecordingChannel("a", "websocket");
    store.add("lobby", channel);
    // oxlint-disable-next-line unicorn/no-thenable -- what a library may hand out in place of a promise
    for (const value of [unawaited(), { then: () => undefined }]) {
      for (const group of ["lobby", "nowhere"]) {
        assert.throws(() => store.broadcast(group, value), {
          name: "ChannelError",
          code: "INVALID_ARGUMENT",
          message: awaited,
        });
      }
    }
    const before = reported.length;
    store.broadcast("lobby", async () => Promise.resolve("for each"));
    await served(store);
    assert.match(String(reported[before]?.cause), awaited);
    store.remove("lobby", channel);
    if (options.history === true) store.add("lobby", channel, undefined, { last: 9 });
    assert.deepEqual(channel.received, []);
    assert.throws(() => channel.send(unawaited()), {
      name: "ChannelError",
      code: "INVALID_ARGUMENT",
      message: awaited,
    });
    assert.throws(() => channel.send({ body: unawaited() }), awaited);
  }
});

test("streams are streamed to, chunk by chunk, and stay [1U-8]", async (context) => {
  const crowd = await Crowd.start(context);
  const stream = await crowd.stream("a");
  const old = await crowd.stream("b", { httpVersion: "1.0" });
  for (const value of ["first", { second: 2 }]) {
    crowd.store.broadcast("lobby", value);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    assert.equal((await stream.readChunk()).toString(), text);
    assert.equal((await old.readBytes(text.length)).toString(), text, "HTTP/1.0 has no chunks");
  }
  assert.equal(crowd.store.size("lobby"), 2);
});

test("close: true closes every member after the value [1U-8]", async (context) => {
  const crowd = await Crowd.start(context);
  const webSocket = await crowd.webSocket("a");
  const stream = await crowd.stream("b");
  const poll = await crowd.poll("c");
  assert.equal(crowd.store.broadcast("lobby", "bye", { close: true }), 3);
  assert.equal(await webSocket.nextMessage(), "bye");
  await webSocket.expectClose(1000);
  assert.equal((await stream.readChunk()).toString(), "bye");
  assert.equal((await stream.readChunk()).length, 0);
  assert.equal((await poll.readResponse()).text, "bye");
  assert.deepEqual(crowd.store.groups(), []);
});

test("close: false makes streams of polls, which stay [1U-8]", async (context) => {
  const crowd = await Crowd.start(context);
  const poll = await crowd.poll("a");
  crowd.store.broadcast("lobby", { n: 1 }, { close: false });
  const head = await poll.readHead();
  assert.equal(head.header("transfer-encoding"), "chunked");
  assert.equal(head.header("content-type"), json);
  assert.equal((await poll.readChunk()).toString(), '{"n":1}');
  assert.equal(crowd.channel("a").kind, "http-streaming");
  crowd.store.broadcast("lobby", "more");
  assert.equal((await poll.readChunk()).toString(), "more");
});

test("polls that differ in version and persistence get each the response that fits them [1U-2]", async (context) => {
  const crowd = await Crowd.start(context);
  const persistent = await crowd.poll("a");
  const closing = await crowd.poll("b", { fields: "Connection: close\r\n" });
  const old = await crowd.poll("c", { httpVersion: "1.0" });
  const oldPersistent = await crowd.poll("d", { httpVersion: "1.0", fields: "Connection: keep-alive\r\n" });
  crowd.store.broadcast("lobby", "value");
  const headers: (string | undefined)[] = [];
  for (const client of [persistent, closing, old, oldPersistent]) {
    const response = await client.readResponse();
    assert.equal(response.text, "value");
    assert.equal(response.header("content-length"), "5");
    headers.push(response.header("connection"));
  }
  assert.deepEqual(headers, [undefined, "close", "close", "Keep-Alive"]);
  await closing.expectEnd();
  await old.expectEnd();
  for (const client of [persistent, oldPersistent]) await client.expectNothing(50);
});

test("a poll by HEAD is answered with the head alone, whatever the value and whether it is to be closed [CS3]", async (context) => {
  const crowd = await Crowd.start(context);
  for (const options of [{}, { close: false }]) {
    const client = await crowd.poll("head", { method: "HEAD" });
    const other = await crowd.poll("get");
    crowd.store.broadcast("lobby", { n: 1 }, options);
    const response = await client.readResponse({ head: true });
    assert.equal(response.header("content-length"), "7");
    assert.equal(response.header("content-type"), json);
    await client.expectNothing(50);
    assert.equal(crowd.channel("head").isOpen, false);
    other.destroy();
  }
});

test("a function that throws for one member is reported and disturbs no other [1U-4]", async (context) => {
  const crowd = await Crowd.start(context);
  const clients = [await crowd.webSocket("a"), await crowd.webSocket("b"), await crowd.webSocket("c")];
  const count = crowd.store.broadcast("lobby", (_channel, { name }) => {
    if (name === "b") throw new Error("no value for b");
    return name;
  });
  assert.equal(count, 3);
  assert.equal(await clients[0]?.nextMessage(), "a");
  assert.equal(await clients[2]?.nextMessage(), "c");
  const [error] = crowd.errors;
  assert.ok(error?.code === "HANDLER_FAILED");
  assert.equal(error.details.handler, "broadcast");
  assert.equal(error.details.channelId, crowd.channel("b").id);
  assert.match(String(error.cause), /no value for b/);
  crowd.store.broadcast("lobby", "next");
  assert.equal(await clients[1]?.nextMessage(), "next", "it stays a member");
});

test("a function whose value has no JSON form for one member fails for that member alone [1U-4]", async (context) => {
  const crowd = await Crowd.start(context);
  const clients = [await crowd.webSocket("a"), await crowd.webSocket("b")];
  crowd.store.broadcast("lobby", (_channel, { name }) => (name === "a" ? Symbol("none") : name));
  assert.equal(await clients[1]?.nextMessage(), "b");
  assert.equal(crowd.errors.length, 1);
});

test("a function leaves a member out by giving undefined: a poll stays parked [1U-1]", async (context) => {
  const crowd = await Crowd.start(context);
  const [chosen, leftOut] = [await crowd.poll("a"), await crowd.poll("b")];
  crowd.store.broadcast("lobby", (_channel, { name }) => (name === "a" ? "for a" : undefined));
  assert.equal((await chosen.readResponse()).text, "for a");
  await leftOut.expectNothing(50);
  assert.deepEqual(namesIn(crowd.store), ["b"]);
  assert.deepEqual(crowd.errors, []);
});

test("a member that closed since the broadcast was made is passed over, the others are served [CS6]", async () => {
  const store = new MemoryChannelStore();
  const members = ["a", "b", "c"].map((name) => new RecordingChannel(name, "websocket"));
  for (const member of members) store.add("lobby", member);
  const [first, second, third] = members;
  store.broadcast("lobby", (channel) => {
    if (channel === first) second?.leave();
    return "value";
  });
  await served(store);
  assert.deepEqual(
    [first, second, third].map((member) => member?.received.length),
    [1, 0, 1],
  );
});

test("a member that reads nothing is closed at the hard limit and the others get everything [1U-6]", async (context) => {
  const crowd = await Crowd.start(context);
  const slow = await crowd.webSocket("slow");
  const quick = await crowd.webSocket("quick");
  slow.client.pause();
  const part = "x".repeat(256 * 1024);
  let count = 0;
  while (crowd.store.size("lobby") === 2) {
    crowd.store.broadcast("lobby", part);
    count += 1;
    assert.ok(count < 100, "the slow member is still there");
    assert.equal(await quick.nextMessage(), part);
  }
  assert.deepEqual(namesIn(crowd.store), ["quick"]);
  assert.equal(crowd.channel("slow").isOpen, false);
  await eventually(() => assert.equal(crowd.channel("quick").bufferedAmount, 0));
});
