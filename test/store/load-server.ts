/**
 * A program for load.test.ts: a server with one group, told what to do over HTTP.
 *
 * `/join` takes a channel in. `/broadcast` sends a value to all and measures until `/measured` asks for the result.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { MemoryChannelStore, serve, withChannel } from "../../src/index.ts";

/** What held the event loop longest. Milliseconds. */
export type Measured = {
  /** The longest time between two turns of the event loop in which this thread can have worked, without collections. */
  readonly longestMs: number;
  /** The same with everything in it: garbage collections, and times in which the machine ran something else. */
  readonly longestWithPausesMs: number;
  /** Turns that worked for at least a quarter of the budget. */
  readonly busyTurns: number;
};

type Pause = { readonly fromMs: number; readonly toMs: number };

/** Watches the event loop turn for turn: each immediate runs in a turn of its own. */
class TurnWatch {
  readonly #turns: (Pause & { readonly cpuMs: number })[] = [];
  readonly #collections: Pause[] = [];
  readonly #observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      this.#collections.push({ fromMs: startTime, toMs: startTime + duration });
    }
  });
  #isOn = true;

  constructor() {
    this.#observer.observe({ entryTypes: ["gc"] });
    let fromMs = performance.now();
    let cpuBeforeMs = cpuMs();
    const look = (): void => {
      const toMs = performance.now();
      const cpuNowMs = cpuMs();
      if (toMs - fromMs > 1) this.#turns.push({ fromMs, toMs, cpuMs: cpuNowMs - cpuBeforeMs });
      fromMs = toMs;
      cpuBeforeMs = cpuNowMs;
      if (this.#isOn) setImmediate(look);
    };
    setImmediate(look);
  }

  stop(): Measured {
    this.#isOn = false;
    this.#observer.disconnect();
    const worked = this.#turns.map((turn) => {
      const collectedMs = this.#collections.reduce((sum, pause) => sum + overlapMs(turn, pause), 0);
      // Other programs that run meanwhile lengthen the one, other threads of this program the other.
      return Math.min(turn.toMs - turn.fromMs - collectedMs, turn.cpuMs);
    });
    return {
      longestMs: Math.max(0, ...worked),
      longestWithPausesMs: Math.max(0, ...this.#turns.map(({ fromMs, toMs }) => toMs - fromMs)),
      busyTurns: worked.filter((ms) => ms > 2.5).length,
    };
  }
}

function overlapMs(one: Pause, other: Pause): number {
  return Math.max(0, Math.min(one.toMs, other.toMs) - Math.max(one.fromMs, other.fromMs));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const store = new MemoryChannelStore();
let watch: TurnWatch | undefined;

const server = await serve(
  async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/join") return withChannel(request, (channel) => store.add("all", channel));
    if (pathname === "/size") return new Response(String(store.size("all")));
    // The watch looks at the end of a turn: it has to see the one before this request, and the one after.
    if (pathname === "/broadcast") watch = new TurnWatch();
    await new Promise((resolve) => setImmediate(resolve));
    if (pathname === "/measured") return Response.json(watch?.stop());
    let count = 0;
    for (const value of searchParams.getAll("value")) count = store.broadcast("all", value);
    return new Response(String(count));
  },
  // The clients answer no ping, and would take one for a message that is missing.
  { port: 0, limits: { pingIntervalMs: 0 } },
);
// oxlint-disable-next-line no-console -- the test reads the port from here
console.log(`listening on ${server.port}`);
