import assert from "node:assert/strict";
import { test } from "node:test";
import type { RawClient } from "../support/raw-client.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { get, post, setStage } from "./stage.ts";

const chunked = [
  "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
  '5\r\nhello\r\n1;name="a value"\r\n \r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n',
].join("");

const requests: { name: string; text: string; answer: string }[] = [
  { name: "a GET", text: get("/echo?a=%20b", "X-A: some value"), answer: "GET " },
  { name: "a POST with Content-Length", text: post("/echo", "hello\r\n\r\nworld"), answer: "POST hello\r\n\r\nworld" },
  { name: "a chunked POST", text: chunked, answer: "POST hello 0123456789" },
];

for (const { name, text, answer } of requests) {
  test(`${name} may be cut in two at every byte [C60]`, async (t) => {
    const stage = await setStage(t, async (request) => new Response(`${request.method} ${await request.text()}`));
    const client = await stage.connect();
    for (let index = 1; index < text.length; index++) {
      await client.writeSplit(text, index);
      assert.equal((await client.readResponse()).text, answer, `cut at ${index}`);
    }
    assert.equal(stage.paths().length, text.length - 1);
  });

  test(`${name} may come one byte at a time [C60]`, async (t) => {
    const stage = await setStage(t, async (request) => new Response(`${request.method} ${await request.text()}`));
    const client = await stage.connect();
    await client.writeByteByByte(text, { pauseMs: 1 });
    assert.equal((await client.readResponse()).text, answer);
    await client.writeByteByByte(text);
    assert.equal((await client.readResponse()).text, answer);
  });
}

test("three pipelined requests may be cut in two at every byte [C53, C60]", async (t) => {
  const stage = await setStage(t, async (request) => new Response(`${request.method} ${await request.text()}`));
  const client = await stage.connect();
  const text = requests.map((request) => request.text).join("");
  const expectAll = async (message: string): Promise<void> => {
    for (const { answer } of requests) assert.equal((await client.readResponse()).text, answer, message);
  };
  for (let index = 1; index < text.length; index++) {
    await client.writeSplit(text, index);
    await expectAll(`cut at ${index}`);
  }
});

test("pipelined requests may be cut anywhere, any number of times [C53, C60]", async (t) => {
  const random = new Random(seedFromEnvironment());
  t.diagnostic(`CHANNELKIT_SEED=${random.seed}`);
  const stage = await setStage(t, async (request) => new Response(`${request.method} ${await request.text()}`));
  const client = await stage.connect();
  for (let round = 0; round < 50; round++) {
    const chosen = Array.from({ length: 4 }, () => random.pick(requests));
    const bytes = Buffer.from(chosen.map(({ text }) => text).join(""), "latin1");
    for (const piece of random.slices(bytes, 60)) await writePiece(client, piece);
    for (const { answer } of chosen) assert.equal((await client.readResponse()).text, answer, `round ${round}`);
  }
});

async function writePiece(client: RawClient, piece: Uint8Array): Promise<void> {
  await client.writeSplit(Buffer.from(piece), piece.length);
}
