import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";
import {
  type ChannelKind,
  createSessions,
  defaultLimits,
  defaultSessionLimits,
  type SessionChannel,
  withChannel,
} from "../../src/index.ts";
import { Liveness } from "../../src/session/liveness.ts";
import { WheelClock } from "../../src/session-server/wheel-clock.ts";
import { setServer } from "../server/set-server.ts";
import { runProgram } from "../support/child.ts";
import { connectRaw } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { openWebSocket } from "../support/websocket-client.ts";
import { graceMs, shortTimes } from "./frozen-times.ts";
import { dial } from "./site.ts";

guardAgainstUnhandled();

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];
const program = fileURLToPath(new URL("frozen-program.js", import.meta.url));
const promisedMs = 35_000;
const { pingIntervalMs, pongTimeoutMs } = shortTimes;

describe("a peer whose process is frozen", { concurrency: 6 }, () => {
  for (const kind of kinds) {
    it(`is missed by the server over ${kind}, and found again when it goes on`, async (t) => {
      const log = new Recorder();
      const sessions = createSessions({ limits: shortTimes });
      const { server } = await setServer(t, (request) =>
        sessions.accept(request, (channel: SessionChannel) => {
          channel.onPresence((isPresent) => log.record(isPresent ? "here" : "away"));
          log.record("open");
        }),
      );
      const client = await runProgram(program, { args: ["connect", server.url, kind], readyPattern: /^open$/ });
      t.after(() => client.stop("SIGKILL"));
      await log.waitFor("open");
      const frozenAtMs = performance.now();
      client.process.kill("SIGSTOP");
      await log.waitFor("away", { timeoutMs: pingIntervalMs + pongTimeoutMs + graceMs });
      // Not by the end of a connection, which a frozen process does not have.
      assert.ok(performance.now() - frozenAtMs > pongTimeoutMs);
      client.process.kill("SIGCONT");
      await log.waitFor("here", { timeoutMs: 10_000 });
      assert.equal(sessions.size, 1);
    });

    it(`is missed by the client over ${kind}, and found again when it goes on`, async (t) => {
      const server = await runProgram(program, { args: ["serve"], readyPattern: /^listens at (.+)$/ });
      t.after(() => server.stop("SIGKILL"));
      const client = dial(t, server.ready?.[1] ?? "", { transports: [kind] });
      await client.log.waitFor("open");
      const frozenAtMs = performance.now();
      server.process.kill("SIGSTOP");
      await client.log.waitFor("waiting", { timeoutMs: pingIntervalMs + pongTimeoutMs + graceMs });
      assert.ok(performance.now() - frozenAtMs > pongTimeoutMs / 2);
      server.process.kill("SIGCONT");
      await client.log.waitFor("open", { count: 2, timeoutMs: 10_000 });
      const { args } = client.log.of("open")[1] ?? { args: [] };
      assert.equal((args[0] as { resumed: boolean }).resumed, true, JSON.stringify(client.channel.explain()));
    });
  }
});

describe("the defaults", () => {
  it(`find any peer within ${promisedMs} ms: a plain WebSocket, and sessions over whatever transport`, () => {
    const { pollHoldMs, pollReturnMs } = defaultSessionLimits;
    for (const limits of [defaultLimits, defaultSessionLimits]) {
      assert.ok(limits.pingIntervalMs + limits.pongTimeoutMs <= promisedMs);
    }
    assert.ok(pollHoldMs + defaultSessionLimits.pongTimeoutMs <= promisedMs);
    assert.ok(pollReturnMs <= promisedMs);
  });

  it("find those that fell silent together within it by the clock of sessions, and do not ping them together", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    // As sessions have it by default: a tenth of the shortest time that is waited for.
    const clock = new WheelClock(defaultSessionLimits.ackDelayMs);
    let nowMs = 0;
    const pings: number[] = [];
    const losses: number[] = [];
    for (let count = 0; count < 1000; count += 1) {
      const watched = {
        ping: () => void pings.push(nowMs),
        lost: () => void losses.push(nowMs),
      };
      new Liveness(clock, defaultSessionLimits, watched).heard();
    }
    for (; nowMs < promisedMs; nowMs += 100) t.mock.timers.tick(100);
    assert.equal(losses.length, 1000);
    assert.ok(Math.min(...pings) >= 0.8 * defaultSessionLimits.pingIntervalMs - 100, `${Math.min(...pings)} ms`);
    const ofBeat = new Map<number, number>();
    for (const atMs of pings) ofBeat.set(atMs, (ofBeat.get(atMs) ?? 0) + 1);
    // A fiftieth of the beats that they are spread over.
    assert.ok(Math.max(...ofBeat.values()) <= 30, `${Math.max(...ofBeat.values())} in one beat`);
  });
});

/** The second digit of a timer in /proc/net/tcp says which one it is: 2 is keep-alive (Linux, proc_net_tcp.txt). */
const keepAliveTimer = "02";
const isLinux = process.platform === "linux";

it("keep-alive of TCP is on for every connection of a server", { skip: !isLinux && "only Linux tells" }, async (t) => {
  const { port } = await setServer(t, (request) => withChannel(request, () => undefined));
  const raw = await connectRaw(port);
  const socket = await openWebSocket(port);
  for (const { localPort } of [raw.socket, socket.client.socket]) {
    assert.ok(localPort !== undefined);
    const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, "0");
    const row = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find(([, local = "", remote = ""]) => local.endsWith(`:${hex(port)}`) && remote.endsWith(`:${hex(localPort)}`));
    assert.equal(row?.[5]?.split(":")[0], keepAliveTimer, row?.join(" "));
  }
  raw.destroy();
  socket.client.destroy();
});
