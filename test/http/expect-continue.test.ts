import assert from "node:assert/strict";
import { test } from "node:test";
import { expectReusable, expectWire, get, parkOne, post, setStage } from "./stage.ts";

const continueWire = "HTTP/1.1 100 Continue\r\n\r\n";

function expectingHead(path: string, ...lines: string[]): string {
  return ["POST " + path + " HTTP/1.1", "Host: localhost", "Expect: 100-continue", ...lines, "", ""].join("\r\n");
}

const echo = async (request: Request): Promise<Response> => new Response(await request.text());

for (const value of ["100-continue", "100-Continue"]) {
  test(`"Expect: ${value}" gets 100 once, however the body comes, and then the answer [C150]`, async (t) => {
    const stage = await setStage(t, echo);
    const client = await stage.connect();
    client.write(expectingHead("/echo", "Content-Length: 5").replace("100-continue", value));
    await expectWire(client, continueWire);
    client.write("h");
    await client.expectNothing(100);
    client.write("ello");
    assert.equal((await client.readResponse()).text, "hello");
    await expectReusable(client);
  });
}

test("a chunked body is asked for, too [C150]", async (t) => {
  const stage = await setStage(t, echo);
  const client = await stage.connect();
  client.write(expectingHead("/echo", "Transfer-Encoding: chunked"));
  await expectWire(client, continueWire);
  client.write("5\r\nhello\r\n0\r\n\r\n");
  assert.equal((await client.readResponse()).text, "hello");
  await expectReusable(client);
});

test("a body that is there already is not asked for [C150]", async (t) => {
  const stage = await setStage(t, echo);
  const client = await stage.connect();
  client.write(`${expectingHead("/echo", "Content-Length: 5")}hello`);
  const response = await client.readResponse();
  assert.equal(response.status, 200);
  assert.equal(response.text, "hello");
  await expectReusable(client);
});

test("a request without a body gets no 100 [C150]", async (t) => {
  const stage = await setStage(t, echo);
  const client = await stage.connect();
  client.write(get("/echo", "Expect: 100-continue"));
  assert.equal((await client.readResponse()).status, 200);
  client.write(expectingHead("/echo", "Content-Length: 0"));
  assert.equal((await client.readResponse()).status, 200);
  await expectReusable(client);
});

test("HTTP/1.0 gets no 100 [C150]", async (t) => {
  const stage = await setStage(t, echo);
  const client = await stage.connect();
  client.write("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.expectNothing(200);
  client.write("hello");
  assert.equal((await client.readResponse()).text, "hello");
  assert.equal(await client.expectEnd(), "fin");
});

test("a body over the limit is refused instead of asked for [C145, C150]", async (t) => {
  const stage = await setStage(t, echo, { limits: { maxBodyBytes: 10 } });
  const client = await stage.connect();
  client.write(expectingHead("/echo", "Content-Length: 11"));
  const response = await client.readResponse();
  assert.equal(response.status, 413);
  assert.equal(response.header("connection"), "close");
  await client.expectEnd();
  assert.deepEqual(stage.paths(), []);
});

test("behind a parked poll the 100 waits for the poll's answer [C53, C150]", async (t) => {
  const stage = await setStage(t, (request, path) => (path === "/echo" ? echo(request) : undefined));
  const { client, channel } = await parkOne(stage, "/poll", get("/poll") + expectingHead("/echo", "Content-Length: 5"));
  await client.expectNothing(100);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  await expectWire(client, continueWire);
  client.write("hello");
  assert.equal((await client.readResponse()).text, "hello");
});

test("a body that came while its request waited is not asked for [C53, C150]", async (t) => {
  const stage = await setStage(t, (request, path) => (path === "/echo" ? echo(request) : undefined));
  const { client, channel } = await parkOne(stage, "/poll", get("/poll"));
  client.write(`${expectingHead("/echo", "Content-Length: 5")}he`);
  await client.expectNothing(50);
  channel.send("poll");
  assert.equal((await client.readResponse()).text, "poll");
  await client.expectNothing(50);
  client.write("llo");
  assert.equal((await client.readResponse()).text, "hello");
});

test("another expectation is 417, and the handler does not see it [C150]", async (t) => {
  const stage = await setStage(t, echo);
  const client = await stage.connect();
  client.write(post("/echo", "hello", "Expect: something"));
  assert.equal((await client.readResponse()).status, 417);
  await client.expectEnd();
  assert.deepEqual(stage.paths(), []);
});

test("a POST that parks behind a 100 is answered by its channel [C150]", async (t) => {
  const stage = await setStage(t);
  const client = await stage.connect();
  client.write(expectingHead("/park", "Content-Length: 5"));
  await expectWire(client, continueWire);
  client.write("hello");
  (await stage.channel("/park")).send("parked");
  assert.equal((await client.readResponse()).text, "parked");
  await expectReusable(client);
});
