import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Channel,
  type ChannelError,
  isChannelError,
  type Limits,
  type ServeOptions,
  serve,
  type Server,
  withChannel,
} from "../../src/index.ts";
import { Condition } from "../support/condition.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { Recorder } from "../support/recorder.ts";

/** A channel that the server has in hand, and everything that it was told about it. */
export type Parked = {
  readonly channel: Channel;
  readonly request: Request;
  /** `open` when it was handed over; then `receive`, `ping` and `close` with their arguments, as they come. */
  readonly log: Recorder;
};

/** What the application does with a channel besides logging. It runs before the handlers that log are set. */
export type Use = (parked: Parked) => void | Promise<void>;

type HandlerSetter = "onReceive" | "onPing" | "onClose";

export type ParkOptions = {
  readonly limits?: Partial<Limits>;
  readonly use?: Use;
  /** Handlers that the test sets itself, later than `use`. */
  readonly unset?: readonly HandlerSetter[];
  readonly serve?: Partial<ServeOptions>;
};

/**
 * A server that parks: each request to `/park/…` stays open and its channel is kept by that path, to be used from the
 * test as by code that knows nothing of the request. `/probe` answers at once, to show that a connection still works.
 */
export class Park {
  readonly server: Server;
  /** Faults that reached `onError`. A test that causes some takes them out; any left at its end fails it. */
  readonly errors: ChannelError[];
  readonly #parked: Map<string, Parked>;
  readonly #condition: Condition;

  private constructor(server: Server, state: ParkState) {
    this.server = server;
    this.errors = state.errors;
    this.#parked = state.parked;
    this.#condition = state.condition;
  }

  static async start(options: ParkOptions = {}): Promise<Park> {
    const state: ParkState = { errors: [], parked: new Map(), condition: new Condition() };
    const server = await serve((request) => answer(request, state, options), {
      port: 0,
      onError: (error) => state.errors.push(error),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...options.serve,
    });
    return new Park(server, state);
  }

  get port(): number {
    return this.server.port;
  }

  /** The channel of the request to this path, as soon as it is there. */
  at(path: string): Promise<Parked> {
    const atTimeout = (): never => {
      throw new Error(`nothing is parked at ${path}`);
    };
    return this.#condition.until(() => this.#parked.get(path), { timeoutMs: 2000, atTimeout });
  }

  has(path: string): boolean {
    return this.#parked.has(path);
  }

  /** Takes out the faults reported so far and checks their codes. */
  expectErrors(...codes: readonly string[]): void {
    assert.deepEqual(
      this.errors.splice(0).map(({ code }) => code),
      codes,
    );
  }

  /** Takes out the one fault reported so far. */
  expectError(code: ChannelError["code"]): ChannelError {
    const [error, ...more] = this.errors.splice(0);
    assert.equal(error?.code, code);
    assert.deepEqual(more, []);
    return error;
  }

  async stop(): Promise<void> {
    destroyOpenClients();
    await this.server.stop({ timeoutMs: 0 });
  }
}

type ParkState = {
  readonly errors: ChannelError[];
  readonly parked: Map<string, Parked>;
  readonly condition: Condition;
};

function answer(request: Request, { parked, condition }: ParkState, { use, unset = [] }: ParkOptions): Response {
  const { pathname } = new URL(request.url);
  if (pathname === "/probe") return new Response("probe");
  if (!pathname.startsWith("/park/")) return new Response("not here", { status: 404 });
  return withChannel(request, (channel) => {
    const entry: Parked = { channel, request, log: new Recorder() };
    entry.log.record("open");
    const result = use?.(entry);
    logAll(entry, unset);
    parked.set(pathname, entry);
    condition.changed();
    return result;
  });
}

/** Sets those handlers that `use` has left free. */
function logAll({ channel, log }: Parked, unset: readonly HandlerSetter[]): void {
  const setters: Readonly<Record<HandlerSetter, () => void>> = {
    onReceive: () => channel.onReceive(log.as("receive")),
    onPing: () => channel.onPing(log.as("ping")),
    onClose: () => channel.onClose((status, detail) => log.record("close", status, detail, channel.isOpen)),
  };
  for (const name of ["onReceive", "onPing", "onClose"] as const) {
    if (unset.includes(name)) continue;
    try {
      setters[name]();
    } catch (error) {
      assert.ok(isChannelError(error) && error.code === "HANDLER_ALREADY_SET");
    }
  }
}

/** One test with a server of its own, which must have had no fault that the test did not take out. */
export function parkTest(name: string, run: (park: Park) => Promise<void>, options: ParkOptions = {}): void {
  test(name, async () => {
    const park = await Park.start(options);
    try {
      await run(park);
      assert.deepEqual(park.errors, [], "faults that nobody expected");
    } finally {
      await park.stop();
    }
  });
}
