import assert from "node:assert/strict";
import { getRequest } from "../contract/kinds.ts";
import { within } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { pitfall, type Target } from "./pitfall.ts";

/** For stopping. */
const timeoutMs = 200;

async function openPoll({ port, channel }: Target, path: string) {
  const client = await connectRaw(port);
  client.write(getRequest(path));
  return { client, channel: await channel(path) };
}

pitfall("stopping ends within its time, whatever is open [C135] [P45]", {
  naive: /stop did not settle/,
  async check(target) {
    await openWebSocket(target.port, "/a");
    await openPoll(target, "/b");
    await within(timeoutMs + 1000, target.stop({ timeoutMs }), "stop");
  },
});

pitfall("a parked poll gets an answer when the server stops, and its end is the server's [C137] [C138] [P46]", {
  naive: /no response|client-close/,
  async check(target) {
    const { client } = await openPoll(target, "/a");
    const stopped = target.stop({ timeoutMs });
    assert.equal((await client.readResponse()).status, 503);
    await stopped;
    assert.deepEqual(
      target.log.of("close /a").flatMap(({ args }) => args),
      ["server-close"],
    );
  },
});

pitfall("a WebSocket is told when the server stops [C137] [P47]", {
  naive: /no frame in/,
  async check(target) {
    const socket = await openWebSocket(target.port, "/a");
    void target.stop({ timeoutMs });
    await socket.expectClose(1001, { timeoutMs: 1000 });
  },
});

pitfall("when stopping is done, every channel has ended, once [C138] [C140] [P48]", {
  naive: /did not settle/,
  async check(target) {
    const names = ["/poll", "/stream", "/socket"];
    await openPoll(target, "/poll");
    (await openPoll(target, "/stream")).channel.send("first", { close: false });
    await openWebSocket(target.port, "/socket");
    await target.channel("/socket");
    await within(timeoutMs + 1000, target.stop({ timeoutMs }), "stop");
    for (const name of names) {
      assert.equal((await target.channel(name)).isOpen, false);
      assert.deepEqual(
        target.log.of(`close ${name}`).flatMap(({ args }) => args),
        ["server-close"],
      );
    }
  },
});

pitfall("an answer that is given while the server stops says that the connection ends [C141] [P26]", {
  naive: /keep-alive/,
  async check({ port, log, stop }) {
    const client = await connectRaw(port);
    client.write(getRequest("/slow"));
    await log.waitFor("request /slow");
    const stopped = stop({ timeoutMs: 1000 });
    const response = await client.readResponse();
    assert.equal(response.text, "slow");
    assert.equal(response.header("connection"), "close");
    client.end();
    await stopped;
  },
});

for (const [what, fields] of [
  ["a second Host", "Host: a\r\nHost: b\r\n"],
  ["an empty Host", "Host:\r\n"],
] as const) {
  pitfall(`a request with ${what} is refused [P49]`, {
    naive: /200 !== 400|no response in/,
    async check({ port }) {
      const client = await connectRaw(port);
      client.write(`GET /probe HTTP/1.1\r\n${fields}\r\n`);
      assert.equal((await client.readResponse({ timeoutMs: 1000 })).status, 400);
    },
  });
}

pitfall("a body over the limit is refused before the client is told to send it [C145] [C150] [P50]", {
  naive: /100 !== 413/,
  isFatal: true, // by the body that breaks off when the check ends
  async check({ port }) {
    const client = await connectRaw(port);
    client.write("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\nExpect: 100-continue\r\n\r\n");
    assert.equal((await client.readResponse()).status, 413);
  },
});
