import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type Channel, type ChannelError, type Limits, type Server, serve, withChannel } from "../../src/index.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { eventually } from "../support/expect.ts";

const chunkedHead = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const parkedHead = "GET /parked HTTP/1.1\r\nHost: a\r\n\r\n";

describe("a body that cannot be read to its end", () => {
  let server: Server;
  let parked: Channel[];
  let errors: ChannelError[];
  let handled: string[];

  const start = async (limits: Partial<Limits> = {}): Promise<void> => {
    parked = [];
    errors = [];
    handled = [];
    const options = { port: 0, limits, onError: (error: ChannelError) => void errors.push(error) };
    server = await serve((request) => {
      const { pathname } = new URL(request.url);
      handled.push(pathname);
      return pathname === "/parked"
        ? withChannel(request, (channel) => void parked.push(channel))
        : new Response("read");
    }, options);
  };

  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
  });

  for (const chunk of ["-1\r\n", "1\na\r\n", "1\r\nab\r\n", `1;${"a".repeat(20_000)}\r\na\r\n`]) {
    const shown = JSON.stringify(chunk.length > 20 ? `${chunk.slice(0, 4)}…` : chunk);
    it(`is refused as soon as it breaks off, at the chunk ${shown}, and no handler sees it [S8]`, async () => {
      await start();
      const client = await connectRaw(server.port);
      client.write(chunkedHead + chunk);
      const response = await client.readResponse();
      assert.ok(response.status === 400 || response.status === 413, response.statusLine);
      assert.equal(response.header("connection"), "close");
      assert.equal(await client.expectEnd(), "fin");
      assert.deepEqual(handled, []);
      assert.equal(errors.length, 1);
    });
  }

  it("is refused behind a parked poll only after that is answered [C55]", async () => {
    await start();
    const client = await connectRaw(server.port);
    client.write(`${parkedHead}${chunkedHead}xyz\r\n`);
    await eventually(() => assert.equal(parked.length, 1));
    await client.expectNothing();
    parked[0]?.send("poll");
    assert.equal((await client.readResponse()).text, "poll");
    assert.equal((await client.readResponse()).status, 400);
    assert.equal(await client.expectEnd(), "fin");
    assert.deepEqual(handled, ["/parked"]);
  });

  it("gets a 408 when its time is over", async () => {
    await start({ requestTimeoutMs: 200, headersTimeoutMs: 200 });
    const client = await connectRaw(server.port);
    client.write(`${chunkedHead}5\r\nab`);
    assert.equal((await client.readResponse({ timeoutMs: 3000 })).status, 408);
    assert.equal(await client.expectEnd(), "fin");
    assert.deepEqual(handled, []);
  });
});
