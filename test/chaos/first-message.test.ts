import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { WebSocket as SocketOfWs } from "ws";
import { type ClientChannel, connect, type ConnectOptions } from "../../src/client.ts";
import { type ChannelKind, createSessions, type SessionChannel } from "../../src/index.ts";
import { createFaultProxy, type Fault } from "../../src/testing.ts";
import { root } from "../architecture/source.ts";
import { setServer } from "../server/set-server.ts";
import { ownTimeMs } from "../support/own-time.ts";
import { seedFromEnvironment } from "../support/random.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

type Networks = {
  readonly networks: readonly { readonly name: string; readonly faults: readonly Fault[] }[];
  readonly pushIntervalMs: number;
  readonly firstMessageMs: number;
  readonly silenceMs: number;
  readonly watchMs: number;
};

/** Those on which the benchmark compares. It is JavaScript that runs as it is: nothing of it is compiled. */
const path = join(root, "bench", "hostile", "networks.js");
const { networks, pushIntervalMs, firstMessageMs, silenceMs, watchMs } = (await import(
  pathToFileURL(path).href
)) as Networks;
const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];
const seed = seedFromEnvironment();

/** Dials with the defaults of both ends: nothing is made faster for the test. */
async function dialThrough(
  t: TestContext,
  faults: readonly Fault[],
  options: ConnectOptions = {},
): Promise<{ readonly log: Recorder; readonly client: ClientChannel }> {
  const sessions = createSessions();
  const push = (channel: SessionChannel): void => {
    channel.send("first");
    const timer = setInterval(() => channel.send("push"), pushIntervalMs);
    t.after(() => clearInterval(timer));
  };
  const { port } = await setServer(t, (request) => sessions.accept(request, push));
  const proxy = await createFaultProxy({ target: { port }, seed });
  t.after(() => proxy.close());
  proxy.set(faults);
  const hasOwn = "WebSocket" in globalThis;
  const log = new Recorder();
  const client = connect(proxy.url, { resumeWindowMs: 500, ...(!hasOwn && { WebSocket: SocketOfWs }), ...options });
  client.onReceive(log.as("receive"));
  t.after(() => client.close());
  return { log, client };
}

async function watch(t: TestContext, faults: readonly Fault[], options?: ConnectOptions): Promise<void> {
  const { log, client } = await dialThrough(t, faults, options);
  const times = [ownTimeMs()];
  do {
    await log.waitFor("receive", { count: times.length, timeoutMs: 10 * firstMessageMs });
    times.push(ownTimeMs());
  } while ((times.at(-1) ?? 0) < (times[1] ?? 0) + watchMs);
  const [firstMs = 0, ...silences] = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
  const longestMs = Math.max(...silences);
  const story = client.explain().map(({ kind, event, cause }) => `${kind} ${event} ${cause}`);
  t.diagnostic(`${Math.round(firstMs)} ms, then at most ${Math.round(longestMs)} ms without; ${client.kind}`);
  assert.ok(firstMs < firstMessageMs, `the first message took ${firstMs} ms: ${story.join(", ")}`);
  assert.ok(longestMs < silenceMs, `${longestMs} ms without a push: ${story.join(", ")}`);
}

const promise = `the first message comes within ${firstMessageMs / 1000} s of connect, and pushes within ${silenceMs / 1000} s`;

describe(`${promise} (CHANNELKIT_SEED=${seed})`, () => {
  // First, since what Node loads with the first request of each sort is no part of the time.
  for (const kind of kinds) it(`over ${kind} alone`, (t) => watch(t, [], { transports: [kind] }));

  describe("over whatever works, where this is in the way", { concurrency: 4 }, () => {
    for (const { name, faults } of networks) it(name, (t) => watch(t, faults));
  });
});
