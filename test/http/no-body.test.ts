import assert from "node:assert/strict";
import { test } from "node:test";
import { expectReusable, expectWire, get, head, parkOne, setStage, type Stage } from "./stage.ts";
import type { Answer } from "../../src/index.ts";

const headers = { "X-A": "1" };

function parkHead(stage: Stage): ReturnType<typeof parkOne> {
  return parkOne(stage, "/parked", head("/parked"));
}

for (const close of [true, false]) {
  test(`HEAD gets the length that the body would have had, no body, and is complete with close ${close} [C45, P14]`, async (t) => {
    const stage = await setStage(t);
    const { client, channel } = await parkHead(stage);
    assert.equal(channel.send({ headers, body: "hello" }, { close }), true);
    assert.equal(channel.isOpen, false);
    assert.equal(channel.send("more"), false);
    await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 5\r\n\r\n");
    assert.equal((await stage.log.waitFor("close")).args[1], "server-close");
    await expectReusable(client);
  });
}

test("HEAD with a null body and no length is a length of nothing [C45]", async (t) => {
  const { client, channel } = await parkHead(await setStage(t));
  channel.send({ headers }, { close: false });
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n");
  await expectReusable(client);
});

test("HEAD with a null body keeps the length that the application gives [C46]", async (t) => {
  const { client, channel } = await parkHead(await setStage(t));
  channel.send({ headers: { "content-LENGTH": 1234 } });
  await expectWire(client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 1234\r\n\r\n");
  await expectReusable(client);
});

test("HEAD with a body measures the body, whatever the application gives; GET does so too [C46]", async (t) => {
  const stage = await setStage(t);
  const first = await parkHead(stage);
  first.channel.send({ headers: { "Content-Length": "1234" }, body: "abc" });
  await expectWire(first.client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 3\r\n\r\n");
  await expectReusable(first.client);
  const second = await parkOne(stage, "/get");
  second.channel.send({ headers: { "Content-Length": "1234" }, body: "abc" });
  await expectWire(second.client, "HTTP/1.1 200 OK\r\nDate: <date>\r\nContent-Length: 3\r\n\r\nabc");
});

test("HEAD of a stream tells no length, for it is not known, and lets go of the source [C45]", async (t) => {
  const { client, channel } = await parkHead(await setStage(t));
  let isReleased = false;
  const source = new ReadableStream<string>({
    pull: (controller) => controller.enqueue("piece"),
    cancel: () => {
      isReleased = true;
    },
  });
  assert.equal(channel.send({ headers, body: source }), true);
  await expectWire(client, "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: <date>\r\n\r\n");
  assert.equal(channel.isOpen, false);
  assert.equal(isReleased, true);
  await expectReusable(client);
});

test("close() before any send answers 204 to HEAD, too [C7, C45]", async (t) => {
  const { client, channel } = await parkHead(await setStage(t));
  assert.equal(channel.close(), true);
  await expectWire(client, "HTTP/1.1 204 No Content\r\nDate: <date>\r\n\r\n");
  await expectReusable(client);
});

const bodiless: { name: string; answer: Answer; wire: string }[] = [
  { name: "204", answer: { status: 204 }, wire: "HTTP/1.1 204 No Content\r\nX-A: 1\r\nDate: <date>\r\n\r\n" },
  {
    name: "204 with a body",
    answer: { status: 204, body: "no" },
    wire: "HTTP/1.1 204 No Content\r\nX-A: 1\r\nDate: <date>\r\n\r\n",
  },
  { name: "304", answer: { status: 304 }, wire: "HTTP/1.1 304 Not Modified\r\nX-A: 1\r\nDate: <date>\r\n\r\n" },
  {
    name: "304 with a body",
    answer: { status: 304, body: "no" },
    wire: "HTTP/1.1 304 Not Modified\r\nX-A: 1\r\nDate: <date>\r\n\r\n",
  },
  {
    name: "205",
    answer: { status: 205 },
    wire: "HTTP/1.1 205 Reset Content\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n",
  },
  {
    name: "205 with a body",
    answer: { status: 205, body: "no" },
    wire: "HTTP/1.1 205 Reset Content\r\nX-A: 1\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n",
  },
];

for (const { name, answer, wire } of bodiless) {
  for (const close of [true, false]) {
    test(`${name} sent with close ${close} has no body and is complete [C47, C48, P15]`, async (t) => {
      const { client, channel } = await parkOne(await setStage(t));
      assert.equal(channel.send({ ...answer, headers }, { close }), true);
      assert.equal(channel.isOpen, false);
      assert.equal(channel.send("more"), false);
      await expectWire(client, wire);
      await expectReusable(client);
    });
  }
  test(`an ordinary response of ${name.slice(0, 3)} is framed like a channel's [C47]`, async (t) => {
    const stage = await setStage(t, () => new Response(null, { status: answer.status ?? 0, headers }));
    const client = await stage.connect();
    client.write(get("/"));
    await expectWire(client, wire.replace("X-A", "x-a"));
    await expectReusable(client);
  });
}

test("204 and 205 drop a length of the application, 304 keeps it [C47]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  const expected = new Map([
    [204, "HTTP/1.1 204 No Content\r\nDate: <date>\r\n\r\n"],
    [205, "HTTP/1.1 205 Reset Content\r\nDate: <date>\r\nContent-Length: 0\r\n\r\n"],
    [304, "HTTP/1.1 304 Not Modified\r\nDate: <date>\r\nContent-Length: 77\r\n\r\n"],
  ]);
  for (const [status, wire] of expected) {
    client.write(get(`/${status}`));
    (await stage.channel(`/${status}`)).send({ status, headers: { "Content-Length": 77 }, body: "body" });
    await expectWire(client, wire);
    await expectReusable(client);
  }
});

test("a stream under a status without a body is not read but let go [C48]", async (t) => {
  const { client, channel } = await parkOne(await setStage(t));
  let isReleased = false;
  const source = new ReadableStream<string>({
    cancel: () => {
      isReleased = true;
    },
  });
  channel.send({ status: 204, headers, body: source }, { close: false });
  await expectWire(client, "HTTP/1.1 204 No Content\r\nX-A: 1\r\nDate: <date>\r\n\r\n");
  assert.equal(isReleased, true);
  await expectReusable(client);
});
