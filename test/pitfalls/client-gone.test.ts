import assert from "node:assert/strict";
import { expectProbe, getRequest } from "../contract/kinds.ts";
import { connectRaw } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { pitfall } from "./pitfall.ts";

const posted = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

for (const [how, pitfalls] of [
  ["end", "[P1]"],
  ["reset", "[P4]"],
] as const) {
  pitfall(`a client that leaves by ${how} is noticed, though its body was read to the end [C77] ${pitfalls}`, {
    naive: /1 × close \/a expected/,
    async check({ port, channel, log }) {
      const client = await connectRaw(port);
      client.write(posted);
      await channel("/a");
      client[how]();
      assert.deepEqual((await log.waitFor("close /a", { timeoutMs: 1000 })).args, ["client-close"]);
    },
  });
}

pitfall("the close handler is called once for an answered poll, and not for the client's leaving [C64] [C67] [P2]", {
  naive: /'server-close',\s*\+\s*'client-close'/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a"));
    (await channel("/a")).send("answer");
    assert.equal((await client.readResponse()).text, "answer");
    client.write(getRequest("/b"));
    await channel("/b");
    client.end();
    await log.waitFor("close /b");
    assert.deepEqual(
      log.of("close /a").flatMap(({ args }) => args),
      ["server-close"],
    );
  },
});

pitfall("a poll behind a parked one is never in hand when the client leaves [C57] [P3]", {
  naive: /'open \/b'/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a") + getRequest("/b"));
    await channel("/a");
    client.reset();
    await log.waitFor("close /a");
    assert.deepEqual(log.names(), ["request /a", "open /a", "close /a"]);
  },
});

pitfall("a channel whose client has left is closed, and says so [C2] [C15] [P5]", {
  naive: /isOpen/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a"));
    const parked = await channel("/a");
    client.end();
    await log.waitFor("close /a");
    assert.equal(parked.isOpen, false, "isOpen");
    assert.equal(parked.send("late", { close: false }), false, "send");
  },
});

pitfall("answers that pile up behind a poll do not hide that its client has left [C81] [P6]", {
  naive: /1 × close \/a expected/,
  async check({ port, channel, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/a") + getRequest("/large").repeat(20));
    await channel("/a");
    await client.expectNothing(150);
    client.write(getRequest("/large")); // the request at which Node sees how much waits, and stops reading
    await client.expectNothing(150);
    client.end();
    await log.waitFor("close /a", { timeoutMs: 1000 });
  },
});

pitfall("a client that ends its side still gets the answer to its request [C79] [P7]", {
  naive: /no response/,
  async check({ port, log }) {
    const client = await connectRaw(port);
    client.write(getRequest("/slow"));
    await log.waitFor("request /slow");
    client.end();
    assert.equal((await client.readResponse()).text, "slow");
  },
});

pitfall("a WebSocket whose client is gone without a word is given up [C72] [P8]", {
  naive: /1 × close \/a expected/,
  limits: { pingIntervalMs: 100, pongTimeoutMs: 200 },
  async check({ port, channel, log }) {
    await openWebSocket(port, "/a"); // which answers no ping
    await channel("/a");
    assert.deepEqual((await log.waitFor("close /a", { timeoutMs: 1500 })).args, ["abnormal"]);
  },
});

pitfall("a client that breaks off inside its body takes nothing with it [C134] [P9]", {
  naive: /the end \(\w+\) where nothing was expected/,
  isFatal: true,
  async check({ port }) {
    const other = await connectRaw(port);
    const client = await connectRaw(port);
    client.write("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbod");
    await expectProbe(other); // by now the start of the body has been read, too
    client.reset();
    await other.expectNothing(200);
    await expectProbe(other);
  },
});
