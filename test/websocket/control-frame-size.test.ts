import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { isChannelError, type Server, serve, withChannel } from "../../src/index.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

let server: Server;

beforeEach(async () => {
  server = await serve(
    (request) => withChannel(request, (channel) => channel.onReceive((reason) => channel.close(4000, String(reason)))),
    { port: 0, onError: (error) => assert.ok(isChannelError(error.cause), error.message) },
  );
});

afterEach(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

test("A control frame holds up to 125 bytes, as a pong and as a Close [C117]", async () => {
  const socket = await openWebSocket(server.port);
  socket.sendPing("x".repeat(125));
  assert.equal((await socket.nextFrame()).payload.length, 125);
  socket.sendText("y".repeat(123));
  assert.equal((await socket.expectClose(4000, { reason: "y".repeat(123) })).payload.length, 125);
});

test("A Close that would be longer is not written, and its channel stays open [C117, C120]", async () => {
  const socket = await openWebSocket(server.port);
  // 62 characters, 124 bytes.
  socket.sendText("é".repeat(62));
  socket.sendPing("still open");
  assert.equal((await socket.nextFrame()).payload.toString(), "still open");
  socket.sendText("now");
  await socket.expectClose(4000, { reason: "now" });
});
