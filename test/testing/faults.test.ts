import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, it } from "node:test";
import { createFaultProxy } from "../../src/testing.ts";
import { eventually, within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { channelOf, details, get, post, type Site, startSite, stopSites } from "./setup.ts";

afterEach(stopSites);

describe("cut", () => {
  for (const how of ["reset", "fin"] as const) {
    it(`by ${how} ends a response after exactly so many bytes`, async () => {
      const site = await startSite();
      site.proxy.set({ type: "cut", afterBytes: 1000, how });
      const client = await site.send(get("/large"));
      assert.equal(await client.waitForEnd(), how);
      assert.equal(client.received.length, 1000);
    });
  }

  it("of a request leaves the server with a part of it", async () => {
    const site = await startSite();
    site.proxy.set({ type: "cut", direction: "to-server", afterBytes: post("").length + 4 });
    const client = await site.send(post("only a part"));
    assert.equal(await client.waitForEnd(), "reset");
    assert.deepEqual(site.log.of("request"), []);
  });

  it("after 0 bytes lets no request through", async () => {
    const site = await startSite();
    site.proxy.set({ type: "cut", afterBytes: 0, on: "request" });
    assert.equal(await (await site.send(get())).expectEnd(), "reset");
    assert.deepEqual(site.log.of("request"), []);
  });

  it("of a WebSocket counts all that the server sends", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    site.proxy.set({ type: "cut", afterBytes: 7 });
    socket.sendText("hello");
    assert.equal((await socket.nextMessage()).toString(), "hello");
    assert.equal(await socket.client.expectEnd(), "reset");
    await site.log.waitFor("close");
  });

  it("does not wait for a client that reads nothing", async () => {
    const site = await startSite();
    const client = await site.send(get("/stream"));
    await client.readHead();
    client.pause();
    const channel = await channelOf(site);
    while (channel.send("x".repeat(256 * 1024), { close: false }))
      await new Promise((resolve) => setImmediate(resolve));
    site.proxy.cut();
    await within(500, site.proxy.close(), "close");
    assert.equal(site.proxy.connections, 0);
  });

  it("by call ends all connections at once", async () => {
    const site = await startSite();
    const { log } = site.openWebSocket();
    await log.waitFor("open");
    const poll = await site.send(get("/poll"));
    await channelOf(site, 2);
    site.proxy.cut();
    assert.deepEqual((await log.waitFor("close")).args, [1006]);
    assert.equal(await poll.waitForEnd(), "reset");
    await site.log.waitFor("close", { count: 2 });
  });
});

describe("half-open", () => {
  it("stops both ways, ends nothing, and stays when faults are cleared", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    const channel = await channelOf(site);
    site.proxy.set({ type: "half-open" });
    socket.sendText("lost");
    channel.send("lost, too");
    await socket.expectNothing();
    assert.deepEqual(site.log.of("receive"), []);
    assert.equal(channel.isOpen, true);
    site.proxy.clear();
    const other = await openWebSocket(site.proxy.port);
    other.sendText("heard");
    assert.equal(await other.nextMessage(), "heard");
    await socket.expectNothing(50);
    socket.client.destroy();
    other.sendText("after that");
    await other.nextMessage();
    assert.equal(channel.isOpen, true, "the server is not told that the client is gone");
  });

  it("with a time goes on after it, with all that was sent meanwhile", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    const channel = await channelOf(site);
    site.proxy.set({ type: "half-open", forMs: 200 });
    const startMs = performance.now();
    socket.sendText("late");
    channel.send("late, too");
    assert.equal(await socket.nextMessage(), "late, too");
    assert.equal(await socket.nextMessage(), "late");
    assert.ok(performance.now() - startMs >= 195);
  });

  it("after some bytes of a request leaves both waiting", async () => {
    const site = await startSite();
    site.proxy.set({ type: "half-open", direction: "to-server", afterBytes: 10 });
    const client = await site.send(get());
    await client.expectNothing();
    assert.deepEqual(site.log.of("request"), []);
    assert.equal(site.proxy.connections, 1);
  });

  it("is given up when both ends have left", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    const channel = await channelOf(site);
    site.proxy.set({ type: "half-open" });
    socket.client.destroy();
    await site.server.stop({ timeoutMs: 0 });
    assert.equal(channel.isOpen, false);
    await eventually(() => assert.equal(site.proxy.connections, 0));
  });
});

describe("refuse and offline", () => {
  it("refuse resets new connections and leaves the others alone", async () => {
    const site = await startSite();
    const before = await site.send(get());
    await before.readResponse();
    site.proxy.set({ type: "refuse" });
    await expectRefused(site);
    before.write(get("/again"));
    assert.equal((await before.readResponse()).text, "GET /again ");
  });

  it("offline stops what there is, refuses what comes, and resets the old ones at its end", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    const channel = await channelOf(site);
    const startMs = performance.now();
    site.proxy.set({ type: "offline", forMs: 1500 });
    socket.sendText("lost");
    await expectRefused(site);
    await socket.expectNothing(100);
    assert.equal(channel.isOpen, true);
    assert.equal(await socket.client.expectEnd(), "reset");
    assert.ok(performance.now() - startMs >= 1495);
    await site.log.waitFor("close");
    assert.deepEqual(site.log.of("receive"), []);
    assert.equal((await (await site.send(get())).readResponse()).status, 200);
  });
});

describe("delay", () => {
  it("holds all back in one direction, in order, and nothing in the other", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    site.proxy.set({ type: "delay", direction: "to-client", delayMs: 200, jitterMs: 50 });
    const startMs = performance.now();
    for (let number = 0; number < 20; number++) socket.sendText(`${number}`);
    await site.log.waitFor("receive", { count: 20, timeoutMs: 150 });
    for (let number = 0; number < 20; number++) assert.equal(await socket.nextMessage(), `${number}`);
    assert.ok(performance.now() - startMs >= 195);
  });

  it("ends when faults are cleared, and what waits goes out", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    site.proxy.set({ type: "delay", delayMs: 60_000 });
    const channel = await channelOf(site);
    socket.sendText("to the server");
    channel.send("to the client");
    await socket.expectNothing(50);
    assert.deepEqual(site.log.of("receive"), []);
    site.proxy.clear();
    assert.equal(await socket.nextMessage(), "to the client");
    assert.equal(await socket.nextMessage(), "to the server");
  });
});

describe("split", () => {
  it("writes each byte by itself", async () => {
    const site = await startSite();
    site.proxy.set({ type: "split" });
    const client = await site.connect();
    const sizes: number[] = [];
    client.socket.on("data", (bytes) => sizes.push(bytes.length));
    client.write(post("body"));
    const { text } = await client.readResponse();
    assert.equal(text, "POST / body");
    assert.deepEqual(
      sizes.filter((size) => size > 1),
      [],
    );
  });
});

describe("upgrades", () => {
  for (const status of [400, 403, 502]) {
    it(`are refused with ${status}, and the server does not know`, async () => {
      const site = await startSite();
      site.proxy.set({ type: "refuse-upgrade", status });
      const { log } = site.openWebSocket();
      assert.deepEqual((await log.waitFor("error")).args, [`Unexpected server response: ${status}`]);
      assert.deepEqual(site.log.of("request"), []);
      assert.equal((await (await site.send(get())).readResponse()).status, 200, "others are let through");
    });
  }

  it("are swallowed: no answer, no end, no request at the server", async () => {
    const site = await startSite();
    site.proxy.set({ type: "swallow-upgrade" });
    const { socket } = site.openWebSocket();
    await eventually(() => assert.equal(details(site, "fault").length, 1));
    const plain = await site.send(get());
    await plain.readResponse();
    assert.equal(socket.readyState, socket.CONNECTING);
    assert.equal(site.log.of("request").length, 1);
    assert.equal(site.proxy.connections, 2);
  });

  it("are muted behind the 101", async () => {
    const site = await startSite();
    site.proxy.set({ type: "mute-upgrade" });
    const socket = await openWebSocket(site.proxy.port);
    const channel = await channelOf(site);
    channel.send("lost");
    socket.sendText("lost, too");
    await socket.expectNothing();
    assert.deepEqual(site.log.of("receive"), []);
    assert.equal(channel.isOpen, true);
  });

  for (const how of ["fin", "reset"] as const) {
    it(`are closed by ${how} right behind the 101`, async () => {
      const site = await startSite();
      site.proxy.set({ type: "close-upgrade", how });
      const socket = await openWebSocket(site.proxy.port);
      assert.equal(await socket.client.expectEnd(), how);
      await site.log.waitFor("close");
    });
  }

  it("that are open already are not for faults of upgrades: the next one is", async () => {
    const site = await startSite();
    const socket = await openWebSocket(site.proxy.port);
    site.proxy.set({ type: "refuse-upgrade", status: 403, times: 1 });
    socket.sendText("goes on");
    assert.equal(await socket.nextMessage(), "goes on");
    const { log } = site.openWebSocket();
    assert.deepEqual((await log.waitFor("error")).args, ["Unexpected server response: 403"]);
  });

  it("are stripped: the server gets a plain request, the client no 101", async () => {
    const site = await startSite();
    site.proxy.set({ type: "strip-upgrade" });
    const { log } = site.openWebSocket();
    assert.deepEqual((await log.waitFor("error")).args, ["Unexpected server response: 200"]);
    assert.deepEqual(site.log.of("request")[0]?.args, ["GET", "/", "", false]);
  });
});

describe("responses", () => {
  it("are held until their end and go out in one lump", async () => {
    const site = await startSite();
    site.proxy.set({ type: "hold-response" });
    const client = await site.send(get("/stream"));
    const channel = await channelOf(site);
    channel.send("second", { close: false });
    await client.expectNothing();
    let lumps = 0;
    client.socket.on("data", () => (lumps += 1));
    channel.send("third");
    assert.equal((await client.readResponse()).text, "firstsecondthird");
    assert.equal(lumps, 1);
  });

  it("that end with their connection are held until then", async () => {
    const site = await startSite();
    site.proxy.set({ type: "hold-response", on: "stream" });
    const client = await site.send("GET /stream HTTP/1.0\r\nHost: a\r\n\r\n");
    const channel = await channelOf(site);
    await client.expectNothing(100);
    channel.send(" and last");
    assert.match((await client.readToEnd()).toString(), /\r\n\r\nfirst and last$/);
    assert.equal(client.ending, "fin");
  });

  it("are held until there are so many bytes, or for so long", async () => {
    const site = await startSite();
    site.proxy.set({ type: "hold-response", on: "stream", untilBytes: 500 });
    const client = await site.send(get("/stream"));
    const channel = await channelOf(site);
    await client.expectNothing(100);
    channel.send("x".repeat(500), { close: false });
    await client.readHead();
    assert.equal((await client.readChunk()).toString(), "first");
    assert.equal((await client.readChunk()).length, 500);
    site.proxy.set({ type: "hold-response", untilMs: 100 });
    const startMs = performance.now();
    channel.send("later", { close: false });
    assert.equal((await client.readChunk()).toString(), "later");
    assert.ok(performance.now() - startMs >= 95);
  });

  it("are held no longer when faults are cleared", async () => {
    const site = await startSite();
    site.proxy.set({ type: "hold-response" });
    const client = await site.send(get("/stream"));
    await channelOf(site);
    await client.expectNothing(100);
    site.proxy.clear();
    await client.readHead();
    assert.equal((await client.readChunk()).toString(), "first");
  });

  it("that are held beyond the limit cut the connection, and an event says so", async () => {
    const site = await startSite({ maxHeldBytes: 10_000 });
    site.proxy.set({ type: "hold-response" });
    const client = await site.send(get("/large"));
    assert.equal(await client.expectEnd(), "reset");
    assert.deepEqual(details(site, "limit"), [
      "a response that is held back has more than 10000 bytes: the connection is cut",
    ]);
  });

  it("are dropped when the server has written them: it saw no fault", async () => {
    const site = await startSite();
    site.proxy.set({ type: "drop-response", times: 1 });
    const client = await site.send(get("/poll"));
    (await channelOf(site)).send("delivered, it thinks");
    assert.equal(await client.expectEnd(), "reset");
    assert.deepEqual((await site.log.waitFor("close")).args, ["server-close"]);
    assert.deepEqual(site.log.of("error"), []);
    assert.equal((await (await site.send(get())).readResponse()).status, 200);
  });
});

it("a response whose head has passed is not dropped any more", async () => {
  const site = await startSite();
  const client = await site.send(get("/stream"));
  await client.readHead();
  await client.readChunk();
  site.proxy.set({ type: "drop-response" });
  (await channelOf(site)).send("last");
  assert.equal((await client.readChunk()).toString(), "last");
});

it("a response that is dropped looks delivered to the server: its connection ends in good order", async () => {
  const endings: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", (error) => endings.push(error.message));
    socket.on("end", () => endings.push("fin"));
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    socket.on("close", () => server.close());
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const closed = new Promise((resolve) => server.once("close", resolve));
  const proxy = await createFaultProxy({ target: { port: (server.address() as AddressInfo).port } });
  proxy.set({ type: "drop-response" });
  const client = await connectRaw(proxy.port);
  client.write(get());
  assert.equal(await client.expectEnd(), "reset");
  await within(1000, closed, "the server's connection");
  assert.deepEqual(endings, ["fin"]);
  await proxy.close();
});

describe("a POST that is duplicated", () => {
  it("arrives twice, and is answered once", async () => {
    const site = await startSite();
    site.proxy.set({ type: "duplicate-request", times: 1 });
    const client = await site.send(post("twice"));
    assert.equal((await client.readResponse()).text, "POST / twice");
    await site.log.waitFor("request", { count: 2 });
    client.write(post("once") + get("/never"));
    assert.equal((await client.readResponse()).text, "POST / once");
    assert.equal((await client.readResponse()).text, "GET /never ");
    const bodies = site.log.of("request").map(({ args }) => args[2]);
    assert.deepEqual(bodies, ["twice", "twice", "once", ""]);
    await eventually(() =>
      assert.ok(
        details(site, "response").includes("to the request that was sent again: answered 200, which is discarded"),
      ),
    );
  });

  it("and is larger than the limit cuts the connection", async () => {
    const site = await startSite({ maxHeldBytes: 100 });
    site.proxy.set({ type: "duplicate-request" });
    assert.equal(await (await site.send(post("x".repeat(100)))).expectEnd(), "reset");
    assert.match(details(site, "limit")[0] ?? "", /a request that is to be sent again/);
  });
});

/** The reset may come before the client knows that it was connected. */
async function expectRefused(site: Site): Promise<void> {
  const ending = await site.connect().then(
    (client) => client.expectEnd(),
    (error: unknown) => String((error as Error).cause),
  );
  assert.match(ending, /^reset$|ECONNRESET/);
}
