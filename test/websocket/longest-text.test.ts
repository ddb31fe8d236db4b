import assert from "node:assert/strict";
import { constants } from "node:buffer";
import { after, before, test } from "node:test";
import { type ChannelError, type Server, serve, withChannel } from "../../src/index.ts";
import { binary, text } from "../support/frames.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

const errors: ChannelError[] = [];
let server: Server;

before(async () => {
  server = await serve((request) => withChannel(request, (channel) => channel.onReceive(() => undefined)), {
    port: 0,
    compression: true,
    limits: { maxMessageBytes: Number.MAX_SAFE_INTEGER },
    onError: (error) => void errors.push(error),
  });
});

after(async () => {
  destroyOpenClients();
  await server.stop({ timeoutMs: 0 });
});

for (const [what, extensions] of [
  ["of a client that does not compress", undefined],
  ["of a client that compresses", "permessage-deflate"],
] as const) {
  for (const [kind, encode] of [
    ["text", text],
    ["binary", binary],
  ] as const) {
    test(`a ${kind} message ${what} that is longer than Node's longest string ends in 1009, whatever the limit allows [C110]`, async () => {
      const client = await openWebSocket(server.port, "/", extensions === undefined ? {} : { extensions });
      const declaredLength = BigInt(constants.MAX_STRING_LENGTH) + 1n;
      client.send(encode("", { lengthEncoding: "64", declaredLength }));
      await client.expectClose(1009);
      assert.equal(errors.at(-1)?.code, "PEER_FAULT");
    });
  }
}
