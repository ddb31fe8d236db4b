import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, it, type TestContext } from "node:test";
import { createAcceptor } from "../../src/server/options.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw, destroyOpenClients, type RawClient } from "../support/raw-client.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();
afterEach(destroyOpenClients);

/** Takes connections as `serve` does, each for one from an address of a test: this machine has but one of IPv6. */
async function setAcceptor(t: TestContext, maxConnectionsPerAddress: number) {
  const acceptor = createAcceptor(() => new Response(), { limits: { maxConnectionsPerAddress } });
  const addresses: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    Object.defineProperty(socket, "remoteAddress", { value: addresses.shift() });
    acceptor.connect(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const connectFrom = async (address: string): Promise<RawClient> => {
    addresses.push(address);
    const client = await connectRaw(port);
    await eventually(() => assert.equal(addresses.length, 0));
    return client;
  };
  return { acceptor, connectFrom };
}

describe("connections from one address", () => {
  it("are those of one /64 where it is of IPv6, and of one address where it is of IPv4, however it is written", async (t) => {
    const { connectFrom } = await setAcceptor(t, 1);
    const isTaken: Record<string, boolean> = {};
    const version6 = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::", "2001:db8:0:1::1"];
    const version4 = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2", "::1"];
    for (const address of [...version6, ...version4]) {
      const client = await connectFrom(address);
      isTaken[address] = await client.expectNothing(50).then(
        () => true,
        () => false,
      );
    }
    assert.deepEqual(isTaken, {
      "2001:db8::1": true,
      "2001:db8::2": false,
      "2001:db8:0:0:ffff::": false,
      "2001:db8:0:1::1": true,
      "192.0.2.1": true,
      "::ffff:192.0.2.1": false,
      "::ffff:192.0.2.2": true,
      "::1": true,
    });
  });

  it("are counted down again when they end, however abruptly", async (t) => {
    const { acceptor, connectFrom } = await setAcceptor(t, 100);
    for (let round = 0; round < 3; round += 1) {
      const clients: RawClient[] = [];
      for (let count = 0; count < 100; count += 1) clients.push(await connectFrom(`2001:db8::${count}`));
      const refused = await connectFrom("2001:db8::abcd");
      assert.equal((await refused.readResponse()).status, 503);
      for (const client of [...clients, refused]) client.reset();
      await eventually(() => assert.equal(acceptor.connections.size, 0));
    }
  });
});
