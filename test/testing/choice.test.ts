import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import { isChannelError } from "../../src/index.ts";
import { createFaultProxy, type Fault } from "../../src/testing.ts";
import { connectRaw } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { details, get, type Site, startSite, stopSites } from "./setup.ts";

afterEach(stopSites);

/** Twenty requests, one after the other: for each how many bytes of its answer came before it was cut. */
async function cutTwenty(site: Site): Promise<number[]> {
  const sizes: number[] = [];
  for (let count = 0; count < 20; count++) {
    const client = await site.send(get("/large").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    await client.waitForEnd();
    sizes.push(client.received.length);
  }
  return sizes;
}

describe("the seed of a fault proxy", () => {
  const fault: Fault = { type: "cut", afterBytes: { min: 100, max: 10_000 }, probability: 0.5 };

  it("repeats what was cut, and where", async () => {
    const first = await startSite({ seed: 7 });
    const second = await startSite({ seed: 7 });
    const other = await startSite({ seed: 8 });
    for (const { proxy } of [first, second, other]) proxy.set(fault);
    const sizes = await cutTwenty(first);
    assert.deepEqual(await cutTwenty(second), sizes);
    assert.notDeepEqual(await cutTwenty(other), sizes);
    const cut = sizes.filter((size) => size < 100_000);
    assert.ok(cut.length > 3 && cut.length < 17, sizes.join());
    assert.ok(Math.min(...cut) >= 100 && Math.max(...cut) <= 10_000, sizes.join());
    assert.ok(new Set(cut).size > 3, sizes.join());
  });

  it("repeats them however requests overlap in time", async () => {
    const site = await startSite({ seed: 7 });
    site.proxy.set(fault);
    const clients = [];
    for (let count = 0; count < 20; count++) clients.push(await site.connect());
    for (const client of clients.toReversed()) client.write(get("/large"));
    for (const client of clients) await client.readUntil((unread) => unread.length > 100_000).catch(() => undefined);
    const overlapping = clients.map(({ received }) => received.length).map((size) => (size > 100_000 ? 0 : size));
    const another = await startSite({ seed: 7 });
    another.proxy.set(fault);
    assert.deepEqual(
      (await cutTwenty(another)).map((size) => (size > 100_000 ? 0 : size)),
      overlapping,
    );
  });

  it("is told by the first event, also of a proxy that was given none", async () => {
    const { proxy } = await startSite();
    assert.equal(proxy.events[0]?.detail, `seed ${proxy.seed}`);
    for (let count = 0; count < 3000; count++) proxy.clear();
    assert.equal(proxy.events.length, 1001);
    assert.equal(proxy.events[0]?.what, "start");
  });
});

describe("a fault strikes only", () => {
  it("as often as it may, in its probability", async () => {
    const site = await startSite({ seed: 1 });
    site.proxy.set([
      { type: "cut", afterBytes: 0, times: 2 },
      { type: "drop-response", probability: 0 },
    ]);
    for (const expected of ["reset", "reset", undefined]) {
      const client = await site.send(get());
      if (expected === undefined) assert.equal((await client.readResponse()).status, 200);
      else assert.equal(await client.expectEnd(), expected);
    }
  });

  it("upgrades, requests, streams or answers", async () => {
    const hit = async (on: "upgrade" | "request" | "stream" | "answer"): Promise<string[]> => {
      const site = await startSite();
      site.proxy.set({ type: "cut", afterBytes: 0, on });
      const names: string[] = [];
      await openWebSocket(site.proxy.port).catch(() => names.push("upgrade"));
      for (const [name, path] of [
        ["stream", "/stream"],
        ["answer", "/"],
      ] as const) {
        const client = await site.send(get(path));
        await client.readHead().catch(() => names.push(name));
      }
      return names;
    };
    assert.deepEqual(await hit("upgrade"), ["upgrade"]);
    assert.deepEqual(await hit("request"), ["stream", "answer"]);
    assert.deepEqual(await hit("stream"), ["stream"]);
    assert.deepEqual(await hit("answer"), ["answer"]);
  });

  it("the request for which it was chosen, not the next one on its connection", async () => {
    const site = await startSite();
    site.proxy.set({ type: "cut", afterBytes: 100_000, times: 1 });
    const client = await site.send(get());
    await client.readResponse();
    client.write(get("/large"));
    assert.equal((await client.readResponse()).text.length, 100_000);
    assert.equal(details(site, "fault").length, 1);
  });

  it("a WebSocket until the server refuses it: then the connection is one for requests again", async () => {
    // Node's own server answers an upgrade that it does not know as any request, and keeps the connection.
    const server = createServer((request, response) => void response.end(request.url));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const proxy = await createFaultProxy({ target: { port } });
    proxy.set([
      { type: "delay", on: "upgrade", delayMs: 1 },
      { type: "cut", on: "request", afterBytes: 0 },
    ]);
    const client = await connectRaw(proxy.port);
    client.write(get("/first").replace("\r\n\r\n", "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
    assert.equal((await client.readResponse()).text, "/first");
    client.write(get("/second"));
    assert.equal(await client.expectEnd(), "reset");
    await proxy.close();
    server.close();
  });
});

describe("misuse of a fault proxy throws, and says what is allowed:", () => {
  const faults: [unknown, string][] = [
    [undefined, "fault must be a fault with its type"],
    [{}, 'fault.type must be "cut" or "half-open" or'],
    [{ type: "cutt" }, 'fault.type must be "cut" or "half-open" or'],
    [{ type: "toString" }, "fault.type must be"],
    [
      { type: "cut", afterByte: 1 },
      "fault must be an object with only type, probability, times, on, direction, afterBytes",
    ],
    [
      { type: "cut", afterBytes: { min: 2, max: 1 } },
      "fault.afterBytes must be a number of bytes from 0, or { min, max }",
    ],
    [{ type: "cut", how: "gently" }, 'fault.how must be "reset" or "fin"'],
    [{ type: "delay" }, "fault.delayMs must be an integer from 0"],
    [{ type: "offline" }, "fault.forMs must be an integer from 0"],
    [{ type: "refuse", on: "upgrade" }, "fault must be an object with only type, probability, times"],
    [{ type: "split", probability: 2 }, "fault.probability must be a number from 0 to 1"],
    [{ type: "refuse-upgrade", status: 101 }, "fault.status must be an integer from 400 to 599"],
    [[{ type: "split" }, { type: "split", times: 0 }], "faults[1].times must be an integer from 1"],
  ];
  for (const [fault, message] of faults) {
    it(JSON.stringify(fault) ?? "undefined", async () => {
      const site = await startSite();
      site.proxy.set({ type: "cut", afterBytes: 0 });
      assert.throws(() => site.proxy.set(fault as Fault), isInvalid(message));
      assert.equal(await (await site.send(get())).expectEnd(), "reset", "the fault from before is still set");
    });
  }

  it("options", async () => {
    const target = { port: 1 };
    for (const [options, message] of [
      [undefined, "options must be an object with only target"],
      [{}, "target must be an object with only port, hostname"],
      [{ target: { port: 0 } }, "target.port must be an integer from 1 to 65535"],
      [{ target, seed: -1 }, "seed must be an integer from 0 to 4294967295"],
      [{ target, maxHeldBytes: 0 }, "maxHeldBytes must be an integer from 1"],
      [{ target, hostname: "" }, "hostname must be a host name or address"],
    ] as [Parameters<typeof createFaultProxy>[0], string][]) {
      assert.throws(() => void createFaultProxy(options), isInvalid(message));
    }
    const { proxy } = await startSite();
    assert.throws(() => proxy.cut("softly" as "fin"), isInvalid('how must be "reset" or "fin"'));
    const taken = createFaultProxy({ target, port: proxy.port });
    await assert.rejects(taken, (error) => isChannelError(error) && error.code === "LISTEN_FAILED");
  });
});

function isInvalid(message: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isChannelError(error));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.ok(error.message.includes(message), error.message);
    return true;
  };
}
