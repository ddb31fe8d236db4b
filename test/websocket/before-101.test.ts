import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Channel, type ChannelError, type Limits, type Server, serve, withChannel } from "../../src/index.ts";
import { deferred, type Deferred } from "../support/expect.ts";
import { binary, text } from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";

describe("before the 101, while its handler takes its time", () => {
  let server: Server;
  let gate: Deferred<void>;
  const log = new Recorder();
  let faults: ChannelError[];
  let channel: Channel | undefined;
  beforeEach(() => {
    gate = deferred();
    faults = [];
    channel = undefined;
  });
  afterEach(async () => {
    gate.resolve();
    destroyOpenClients();
    await server.stop({ timeoutMs: 0 });
    log.entries.length = 0;
  });

  async function begin(limits: Partial<Limits> = {}, { takesLate = false } = {}): Promise<RawClient> {
    server = await serve(
      async (request) => {
        if (takesLate) {
          log.record("handler");
          await gate.promise;
        }
        const response = withChannel(request, (taken) => {
          channel = taken;
          taken.onReceive(log.as("receive"));
          taken.onClose((status) => log.record("close", status));
        });
        log.record("handler");
        await gate.promise;
        return response;
      },
      { port: 0, limits, onError: (error) => faults.push(error) },
    );
    const client = await connectRaw(server.port);
    client.write(handshakeRequest());
    await log.waitFor("handler");
    return client;
  }

  for (const [how, leave] of [
    ["FIN", "destroy"],
    ["RST", "reset"],
  ] as const) {
    it(`a client that leaves (${how}) is noticed: its channel closes as abnormal, and no 101 is written [C72, C74]`, async () => {
      const client = await begin();
      client[leave]();
      gate.resolve();
      assert.deepEqual((await log.waitFor("close")).args, ["abnormal"]);
      assert.equal(channel?.send("late"), false);
      await client.closed;
      assert.equal(client.received.length, 0);
    });
  }

  it("a client that ends only its side closes the channel as abnormal once the handler is done [C72]", async () => {
    const client = await begin();
    client.end();
    await client.expectNothing(50);
    gate.resolve();
    assert.deepEqual((await log.waitFor("close")).args, ["abnormal"]);
    await client.waitForEnd();
  });

  it("a client that sends more than maxPipelinedBytes is dropped [C81, C124]", async () => {
    const client = await begin({ maxPipelinedBytes: 10_000 });
    client.write(binary(Buffer.alloc(20_000)));
    await client.waitForEnd();
    assert.deepEqual((await log.waitFor("close")).args, ["abnormal"]);
    gate.resolve();
    assert.equal(client.received.length, 0);
  });

  it("any number of short messages can be sent, and all follow the 101 in order [C25, C125]", async () => {
    const client = await begin();
    // More than the stack is deep, and in fewer bytes than may wait.
    const messages = Array.from({ length: 20_000 }, (_, index) => `${index}`);
    for (const message of messages) assert.equal(channel?.send(message), true);
    gate.resolve();
    await client.readHead();
    const wanted = Buffer.concat(messages.map((message) => text(message, { mask: false })));
    assert.ok((await client.readBytes(wanted.length)).equals(wanted));
    assert.deepEqual(faults, []);
  });

  it("a client that leaves before its channel is taken gives a channel that is closed [C72, C74]", async () => {
    const client = await begin({}, { takesLate: true });
    client.destroy();
    await client.closed;
    const other = await connectRaw(server.port);
    other.write(handshakeRequest({ key: "bad" }));
    assert.equal((await other.readResponse()).status, 400, "the server has come round to what happened before");
    gate.resolve();
    assert.deepEqual((await log.waitFor("close")).args, ["abnormal"]);
    assert.equal(channel?.isOpen, false);
    assert.equal(channel?.send("late"), false);
    assert.deepEqual(
      faults.map(({ code }) => code),
      ["PEER_FAULT"],
      "the bad key",
    );
  });

  it("what a client sends up to maxPipelinedBytes arrives once the handler is done [C10]", async () => {
    const client = await begin({ maxPipelinedBytes: 10_000 });
    client.write(binary(Buffer.alloc(9000, 7)));
    await client.expectNothing(50);
    gate.resolve();
    assert.deepEqual((await log.waitFor("receive")).args, [Buffer.alloc(9000, 7)]);
  });

  it("a handshake whose channel is not taken yet counts as pending, and one above maxPendingRequests gets 503 [C146, C147]", async () => {
    const first = await begin({ maxPendingRequests: 1 }, { takesLate: true });
    const second = await connectRaw(server.port);
    second.write(handshakeRequest());
    const response = await second.readResponse();
    assert.equal(response.status, 503);
    await second.expectEnd();
    gate.resolve();
    assert.equal((await first.readHead()).status, 101);
    const third = await connectRaw(server.port);
    third.write(handshakeRequest());
    assert.equal((await third.readHead()).status, 101, "an open WebSocket is not pending");
  });

  for (const [what, status, headers] of [
    ["a line longer than maxLineBytes", 414, { "X-Long": "x".repeat(9000) }],
    ["more header bytes than maxHeaderBytes", 431, Object.fromEntries(many("x".repeat(8000), 9))],
    ["more lines than maxHeaders", 431, Object.fromEntries(many("x", 101))],
  ] as const) {
    it(`a handshake with ${what} is refused with ${status} [C143, C144]`, async () => {
      await begin();
      const handled = log.of("handler").length;
      const client = await connectRaw(server.port);
      client.write(handshakeRequest({ headers }));
      const response = await client.readResponse();
      assert.equal(response.status, status);
      await client.waitForEnd();
      assert.equal(log.of("handler").length, handled);
      assert.equal(faults[0]?.code, "PEER_FAULT");
    });
  }
});

function many(value: string, count: number): [string, string][] {
  return Array.from({ length: count }, (_, index) => [`X-${index}`, value]);
}
