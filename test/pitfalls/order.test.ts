import assert from "node:assert/strict";
import { expectProbe, getRequest } from "../contract/kinds.ts";
import * as frames from "../support/frames.ts";
import { handshakeRequest } from "../support/handshake.ts";
import { connectRaw } from "../support/raw-client.ts";
import { pitfall } from "./pitfall.ts";

pitfall("a request behind a parked poll waits for its answer [C53] [P10]", {
  naive: /'open \/b'/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a") + getRequest("/b"));
    const first = await channel("/a");
    await client.expectNothing(50);
    assert.deepEqual(log.names(), ["request /a", "open /a"]);
    first.send("one");
    (await channel("/b")).send("two");
    assert.equal((await client.readResponse()).text, "one");
    assert.equal((await client.readResponse()).text, "two");
  },
});

pitfall("what a client may pile up behind a parked poll is bounded [C54] [C81] [P11]", {
  naive: /no end in/,
  async check({ port, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a") + getRequest("/b").repeat(2000));
    await client.waitForEnd({ timeoutMs: 1000 });
    await log.waitFor("close /a");
    assert.equal(log.names().filter((name) => name.startsWith("open")).length, 1);
  },
});

pitfall("an upgrade behind a parked poll waits for its answer [C58] [P12]", {
  naive: /bytes where nothing was expected/,
  async check({ port, channel }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a") + handshakeRequest({ path: "/b" }));
    const poll = await channel("/a");
    await client.expectNothing(50);
    poll.send("poll");
    assert.equal((await client.readResponse()).text, "poll");
    assert.equal((await client.readHead()).status, 101);
    (await channel("/b")).send("message");
    assert.equal((await client.read("frame", frames.parseFrame)).payload.toString(), "message");
  },
});

pitfall("a request that is refused does not cut the answer before it [C55] [P51]", {
  naive: /the end \(\w+\) where nothing was expected/,
  async check({ port, channel }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a"));
    const stream = await channel("/a");
    stream.send("first", { close: false });
    await client.readHead();
    assert.equal((await client.readChunk()).toString(), "first");
    client.write("no request\r\n\r\n");
    await client.expectNothing(50);
    stream.send("last");
    assert.equal((await client.readChunk()).toString(), "last");
    assert.equal((await client.readChunk()).length, 0);
    assert.equal((await client.readResponse()).status, 400);
  },
});

pitfall("a channel that is kept answers no later request of its connection [C1] [P53]", {
  naive: /isOpen/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port); // as a proxy uses one for several users
    client.write(getRequest("/a"));
    const first = await channel("/a");
    first.send("one");
    assert.equal((await client.readResponse()).text, "one");
    client.write(getRequest("/b"));
    const second = await channel("/b");
    assert.equal(first.isOpen, false, "isOpen");
    assert.equal(first.send("for another user", { close: false }), false);
    second.send("own");
    assert.equal((await client.readResponse()).text, "own");
    assert.equal(log.of("close /a").length, 1);
    await expectProbe(client);
  },
});
