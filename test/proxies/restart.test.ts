import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { createSessions, type ChannelKind, type Server } from "../../src/index.ts";
import { get } from "../http/stage.ts";
import { type Client, dial, received } from "../client/site.ts";
import { setServer } from "../server/set-server.ts";
import { eventually } from "../support/expect.ts";
import { connectRaw } from "../support/raw-client.ts";
import { documentedConfiguration, documentedServers, hasProxy, startProxy } from "../support/reverse-proxy.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];
const ofEachKind = 4;

/** The configurations of one server and of several, as the documents put them together. */
const configurations = {
  haproxy: () => {
    const [common] = documentedConfiguration("haproxy").split("\nbackend channels");
    return `${common}\n${documentedServers("haproxy")}`;
  },
  nginx: () => {
    const one = documentedConfiguration("nginx").replace("http://127.0.0.1:9090;", "http://channels;");
    return `${documentedServers("nginx")}${one}`;
  },
} as const;

/** Two servers of this process, so that a session is found on either; the first path that a proxy asks for tells which it is. */
async function setPair(t: TestContext): Promise<Map<string, Server>> {
  const sessions = createSessions();
  const servers = new Map<string, Server>();
  for (const name of ["one", "two"]) {
    const { server } = await setServer(
      t,
      (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/ready") return new Response(null, { status: server.status === "running" ? 200 : 503 });
        if (pathname === "/name") return new Response(name);
        return sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)));
      },
      { trustProxy: 1 },
    );
    servers.set(name, server);
  }
  return servers;
}

async function nameOf(port: number): Promise<string> {
  const client = await connectRaw(port);
  client.write(get("/name"));
  const { status, text } = await client.readResponse();
  client.destroy();
  return status === 200 ? text : `${status}`;
}

for (const name of ["haproxy", "nginx"] as const) {
  const skip = !hasProxy(name) && `there is no ${name} on this machine`;
  describe(`${name} in front of two servers${skip === false ? "" : `: skipped, ${skip}`}`, { skip }, () => {
    it("takes one that stops out while conversations go on, which lose and double nothing [C136]", async (t) => {
      const servers = await setPair(t);
      const ports = [...servers.values()].map(({ port }) => port);
      const proxy = await startProxy(name, configurations[name](), ...ports);
      t.after(() => proxy.stop());
      await eventually(async () => assert.match(await nameOf(proxy.port), /one|two/), { timeoutMs: 10_000 });
      const first = await nameOf(proxy.port);
      const clients: Client[] = [];
      for (let index = 0; index < ofEachKind * kinds.length; index += 1) {
        clients.push(
          dial(t, `http://127.0.0.1:${proxy.port}`, { transports: [kinds[index % kinds.length] ?? "websocket"] }),
        );
      }
      await Promise.all(clients.map(({ log }) => log.waitFor("open", { timeoutMs: 10_000 })));
      let count = 0;
      const timer = setInterval(() => {
        count += 1;
        for (const { channel } of clients) channel.send(`${count}`);
      }, 100);
      t.after(() => clearInterval(timer));

      const stopping = servers.get(first);
      const delayMs = name === "haproxy" ? 3000 : 0;
      const begunMs = performance.now();
      const stopped = stopping?.stop({ delayMs, timeoutMs: 4000 });
      assert.equal(stopping?.status, "stopping");
      // One that checks finds out before anything closes; for the other one, a connection is refused.
      await eventually(async () => assert.match(await nameOf(proxy.port), first === "one" ? /two/ : /one/), {
        timeoutMs: 5000,
      });
      if (name === "haproxy") assert.ok(performance.now() - begunMs < delayMs, "it was noticed too late");
      const sentBefore = count;
      assert.equal(await stopped, true);
      clearInterval(timer);
      assert.ok(count > sentBefore, "nothing was sent while clients moved");
      const sent = Array.from({ length: count }, (_, index) => `${index + 1}`);
      for (const client of clients) {
        await client.log.waitFor("receive", { count, timeoutMs: 10_000 });
        assert.deepEqual(received(client), sent);
        assert.equal(client.log.of("open").length > 0, true);
        for (const { args } of client.log.of("open").slice(1)) {
          assert.equal((args[0] as { resumed: boolean }).resumed, true, JSON.stringify(client.channel.explain()));
        }
        assert.deepEqual(client.log.of("waiting"), [], JSON.stringify(client.channel.explain()));
      }
    });
  });
}
