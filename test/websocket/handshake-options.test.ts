import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  type ChannelError,
  type HandshakeOptions,
  isChannelError,
  type RequestHandler,
  type Server,
  serve,
  withChannel,
} from "../../src/index.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

const isRefusal = (error: unknown): boolean => isChannelError(error) && error.code === "INVALID_ARGUMENT";

describe("the 101 that a handler asks for", () => {
  let server: Server;
  let faults: ChannelError[] = [];
  afterEach(async () => {
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    faults = [];
  });

  async function start(handler: RequestHandler): Promise<void> {
    server = await serve(handler, { port: 0, onError: (error) => faults.push(error) });
  }

  /** A handler that takes the channel with these options for the 101. */
  const takesWith =
    (options: HandshakeOptions): RequestHandler =>
    (request) =>
      withChannel(request, ignore, options);

  it("names the subprotocol that was chosen of those offered, once [C99]", async () => {
    await start(takesWith({ protocol: "b" }));
    for (const offer of [["a", "b"], ["b"], ["a , b ,c"]]) {
      const client = await connectRaw(server.port);
      client.write(handshakeRequest({ protocols: offer }));
      assert.equal((await client.readHead()).header("sec-websocket-protocol"), "b");
    }
    const headers = { "Sec-WebSocket-Protocol": ["a", "b"] };
    const client = await connectRaw(server.port);
    client.write(handshakeRequest({ headers }));
    assert.equal((await client.readHead()).header("sec-websocket-protocol"), "b", "offered in two lines");
  });

  for (const [what, protocol, offer] of [
    ["was not offered", "c", "a, b"],
    ["differs from the offer in case", "B", "a, b"],
    ["is a part of an offer", "a", "ab, aa"],
    ["is empty, although the offer has an empty place", "", "a,,b"],
    ["is no string", 5, "5"],
    ["ends the line", "a\r\nX-Injected: 1", "a"],
  ] as const) {
    it(`cannot name a subprotocol that ${what}: it throws, and no 101 is written [C99]`, async () => {
      await start((request) => {
        assert.throws(() => withChannel(request, ignore, { protocol: protocol as string }), isRefusal);
        return new Response("no such protocol", { status: 400 });
      });
      const client = await connectRaw(server.port);
      client.write(handshakeRequest({ headers: { "Sec-WebSocket-Protocol": offer } }));
      const response = await client.readResponse();
      assert.equal(response.status, 400);
      assert.equal(response.text, "no such protocol");
    });
  }

  it("cannot name a subprotocol where none is offered: it throws, and unhandled that is a 500 [C99]", async () => {
    await start(takesWith({ protocol: "a" }));
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    assert.equal((await client.readResponse()).status, 500);
    assert.equal(faults[0]?.code, "HANDLER_FAILED");
  });

  it("has the fields that were added, as they are written, one line for each value [C31, C99]", async () => {
    await start(takesWith({ headers: { "Set-Cookie": ["a=1", "b=2"], "x-lower": "ü", "X-None": null } }));
    const socket = await openWebSocket(server.port);
    assert.deepEqual(socket.response.headers("set-cookie"), ["a=1", "b=2"]);
    const lower = socket.response.rawHeaders.find(([name]) => name === "x-lower");
    assert.equal(Buffer.from(lower?.[1] ?? "", "latin1").toString("utf8"), "ü");
    assert.equal(socket.response.header("x-none"), undefined);
    assert.equal(socket.response.headers("date").length, 1);
  });

  for (const [what, headers] of [
    ["a line end in a value", { "X-Bad": "a\r\nX-Injected: 1" }],
    ["a NUL in a value", { "X-Bad": "a\0" }],
    ["a name that is no token", { "X Bad": "a" }],
    ["its own Upgrade", { Upgrade: "h2c" }],
    ["its own Connection", { connection: "close" }],
    ["its own Sec-WebSocket-Accept", { "sec-websocket-accept": "x" }],
    ["a Sec-WebSocket-Extensions", { "Sec-WebSocket-Extensions": "permessage-deflate" }],
    ["a Sec-WebSocket-Protocol beside the option", { "Sec-WebSocket-Protocol": "a" }],
    ["a Content-Length", { "Content-Length": "5" }],
    ["a Transfer-Encoding", { "Transfer-Encoding": "chunked" }],
  ] as const) {
    it(`cannot have ${what}: it throws, and no 101 is written [C24, C99]`, async () => {
      await start((request) => {
        assert.throws(() => withChannel(request, ignore, { headers }), isRefusal);
        return new Response("no", { status: 400 });
      });
      const client = await connectRaw(server.port);
      client.write(handshakeRequest());
      const response = await client.readResponse();
      assert.equal(response.status, 400);
      assert.equal(response.header("x-injected"), undefined);
    });
  }

  it("has the Date that was added instead of ours [C31, C99]", async () => {
    await start(takesWith({ headers: { date: "Thu, 01 Jan 1970 00:00:00 GMT" } }));
    const socket = await openWebSocket(server.port);
    assert.equal(socket.response.header("date"), "Thu, 01 Jan 1970 00:00:00 GMT");
  });
});

function ignore(): void {
  // A channel that nobody listens to.
}
