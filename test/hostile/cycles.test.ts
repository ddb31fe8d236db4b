import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChannelKind, MemoryChannelStore, withChannel } from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { setServer } from "../server/set-server.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { activeResources, collectGarbage, openDescriptors } from "../support/resources.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";

guardAgainstUnhandled();

const cycles = 2000;
const warmUpCycles = 40;
const parallel = 20;

type Drop = (client: RawClient) => void;
/** How a client leaves: with a reset, or with FIN in both directions, or with its own FIN first. */
const drops: readonly Drop[] = [(client) => client.reset(), (client) => client.destroy(), (client) => client.end()];

/** What a client does with an open channel before it leaves. */
const visits: Record<ChannelKind, (port: number) => Promise<RawClient>> = {
  websocket: async (port) => {
    const socket = await openWebSocket(port, "/websocket");
    socket.sendText("hello");
    assert.equal(await socket.nextMessage(), "joined");
    assert.equal(await socket.nextMessage(), "hello");
    return socket.client;
  },
  "http-streaming": async (port) => {
    const client = await connectRaw(port);
    client.write(get("/stream"));
    await client.readHead();
    assert.equal((await client.readChunk()).toString(), "joined");
    return client;
  },
  "long-polling": async (port) => {
    const client = await connectRaw(port);
    // Answered once, parked the second time: both ends of a poll.
    client.write(get("/answered"));
    assert.equal((await client.readResponse()).text, "joined");
    client.write(get("/parked"));
    return client;
  },
};

for (const kind of Object.keys(visits) as ChannelKind[]) {
  test(`${cycles} cycles of open, send and drop over ${kind} leak no descriptor, handler, timer or group member [C75, C134]`, async (t) => {
    const store = new MemoryChannelStore<{ path: string }>();
    let opened = 0;
    let closed = 0;
    const channels = new Set<WeakRef<object>>();
    const { port, errors } = await setServer(t, (request) =>
      withChannel(request, (channel) => {
        const path = new URL(request.url).pathname;
        opened += 1;
        channels.add(new WeakRef(channel));
        store.add("all", channel, { path });
        store.add(path, channel, { path });
        channel.onReceive((message) => void channel.send(message));
        channel.onPing(() => undefined);
        channel.onClose(() => void (closed += 1));
        if (path !== "/parked") channel.send("joined", { close: path === "/answered" });
      }),
    );

    const cycle = async (index: number): Promise<void> => {
      const openedBefore = opened;
      const client = await visits[kind](port);
      if (kind === "long-polling") await eventually(() => assert.ok(opened > openedBefore));
      drops[index % drops.length]?.(client);
      await client.waitForEnd();
      client.destroy();
      await client.closed;
    };
    const run = async (count: number): Promise<void> => {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < count) await cycle(next++);
      };
      await Promise.all(Array.from({ length: parallel }, worker));
      await eventually(() => assert.equal(closed, opened), { timeoutMs: 5000 });
    };

    await run(warmUpCycles);
    await eventually(() => assert.equal(activeResources()["TCPSocketWrap"], undefined), { timeoutMs: 5000 });
    await collectGarbage();
    const descriptors = openDescriptors();
    const resources = activeResources();
    await run(cycles);

    assert.equal(opened, (cycles + warmUpCycles) * (kind === "long-polling" ? 2 : 1));
    for (const group of ["all", "/websocket", "/stream", "/answered", "/parked"]) assert.equal(store.size(group), 0);
    await eventually(() => assert.equal(openDescriptors(), descriptors), { timeoutMs: 5000 });
    await eventually(() => assert.deepEqual(activeResources(), resources), { timeoutMs: 5000 });
    assert.deepEqual(errors, []);
    await eventually(
      async () => {
        await collectGarbage();
        const held = [...channels].filter((channel) => channel.deref() !== undefined).length;
        assert.ok(held <= parallel, `${held} of ${opened} channels are still held`);
      },
      { timeoutMs: 5000 },
    );
  });
}
