import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ClientStatus } from "../../src/client.ts";
import { type ChannelKind, createSessions, type RequestHandler, type Server, type Sessions } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { type Balancer, setBalancer } from "../support/balancer.ts";
import { Stopwatch } from "../support/own-time.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { type Client, dial, received } from "./site.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

const stopMs = 6000;
/** How much later than its deadline a stop may be, in the time that this process has. */
const graceMs = 400;

const echo = (sessions: Sessions, requests: Recorder): RequestHandler => {
  return (request) => {
    requests.record("request");
    return sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)));
  };
};

/** A server with clients, through a balancer that takes new connections to another server as soon as it stops. */
async function setClients(
  t: TestContext,
  ofEachKind: number,
  successor: Sessions | undefined,
): Promise<{ server: Server; balancer: Balancer; clients: Client[] }> {
  const limits = { maxConnectionsPerAddress: 10_000 };
  const sessions = createSessions();
  const requests = new Recorder();
  const { server, port } = await setServer(t, echo(sessions, requests), { limits });
  const next = await setServer(t, echo(successor ?? sessions, new Recorder()), { limits });
  const balancer = await setBalancer(t, port);
  const clients = Array.from({ length: ofEachKind * kinds.length }, (_, index) =>
    dial(t, balancer.url, { transports: [kinds[index % kinds.length] ?? "websocket"], attachTimeoutMs: 20_000 }),
  );
  await Promise.all(clients.map(({ log }) => log.waitFor("open", { timeoutMs: 20_000 })));
  // Those that poll have a poll parked, too.
  await requests.waitFor("request", { count: 4 * ofEachKind, timeoutMs: 20_000 });
  balancer.targetPort = next.port;
  return { server, balancer, clients };
}

const opened = ({ log }: Client): Extract<ClientStatus, { state: "open" }>[] =>
  log.of("open").map(({ args }) => args[0] as Extract<ClientStatus, { state: "open" }>);

describe("the clients of a server that stops", () => {
  it("go elsewhere each at a time of its own, and lose and double nothing", async (t) => {
    const { server, clients } = await setClients(t, 20, undefined);
    let count = 0;
    const send = (): void => {
      count += 1;
      for (const { channel } of clients) channel.send(`${count}`);
    };
    const timer = setInterval(send, 500);
    assert.equal(await server.stop({ timeoutMs: stopMs }), true);
    clearInterval(timer);
    send();
    const sent = Array.from({ length: count }, (_, index) => `${index + 1}`);
    for (const client of clients) {
      await client.log.waitFor("receive", { count, timeoutMs: 10_000 });
      assert.deepEqual(received(client), sent);
      const [first, ...others] = opened(client).map(({ resumed }) => resumed);
      assert.equal(first, false);
      assert.ok(others.length > 0 && others.every(Boolean), JSON.stringify(client.channel.explain()));
    }
    assert.ok(sent.length > 3);
    for (const kind of kinds) {
      const ofKind = clients.filter(({ channel }) => channel.kind === kind);
      // Beside the old transport, and not behind its end. A busy machine may be too late for some.
      const moved = ofKind.filter(({ log }) => log.of("waiting").length === 0);
      assert.ok(moved.length > ofKind.length / 2, `${moved.length} of ${ofKind.length} over ${kind}`);
    }
  });

  it("are told by a server that knows nothing of them that they begin anew", async (t) => {
    const { server, clients } = await setClients(t, 1, createSessions());
    assert.equal(await server.stop({ timeoutMs: 1000 }), true);
    for (const client of clients) {
      await client.log.waitFor("open", { count: 2 });
      const [, second] = opened(client);
      assert.deepEqual([second?.resumed, second?.reason, second?.uncertain], [false, "expired", 0]);
      client.channel.send("still here");
      await client.log.waitFor("receive");
    }
  });

  it("stay until their time is over where there is no other server, and are not waited for any longer", async (t) => {
    const { server, balancer, clients } = await setClients(t, 1, undefined);
    balancer.targetPort = 1;
    const begunMs = Date.now();
    const watch = new Stopwatch();
    assert.equal(await server.stop({ timeoutMs: 2000 }), true);
    assert.ok(watch.ownTookMs < 1000 + graceMs, `${watch.tookMs} ms`);
    for (const { channel, log } of clients) {
      await log.waitFor("waiting");
      const left = channel.explain().filter(({ event }) => event === "left");
      // Nothing is held for one that polls.
      const end = channel.kind === "long-polling" ? left[0] : left.find(({ cause }) => cause === "4000 shutdown");
      assert.ok(end !== undefined && end.atMs - begunMs >= 100, JSON.stringify(channel.explain()));
    }
  });
});
