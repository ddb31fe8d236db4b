import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { checkOptions } from "../channel/check-options.ts";
import { ChannelErrorOf, invalidArgument } from "../channel/errors.ts";
import { checkFault } from "./check-fault.ts";
import { endSocket } from "./end-socket.ts";
import { EventLog, type ProxyEvent } from "./event-log.ts";
import type { CutMode, Fault } from "./fault.ts";
import { FaultPlan } from "./fault-plan.ts";
import type { LinkContext } from "./link.ts";
import { Relay } from "./relay.ts";

/** What `createFaultProxy` takes. */
export type FaultProxyOptions = {
  /** The server behind the proxy. Default for `hostname`: 127.0.0.1. */
  readonly target: { readonly port: number; readonly hostname?: string };
  /** From 0 to 2^32 - 1: decides all that is random. Default: a new one, which `seed` tells. */
  readonly seed?: number;
  /** The address to listen on. Default: 127.0.0.1, which only this machine reaches. */
  readonly hostname?: string;
  /** Default: 0, which takes any free port. */
  readonly port?: number;
  /**
   * Most bytes of one response that are held back, and of one request that is to be sent twice. Default: 16 MiB. Over it:
   * the connection is cut, and an event says so.
   */
  readonly maxHeldBytes?: number;
  /** Connections of clients, half-open ones too. Default: 10 000. Over it: a new one is reset, and an event says so. */
  readonly maxConnections?: number;
};

/** A proxy that does to connections what networks and other proxies do to them. */
export type FaultProxy = {
  /** Where clients connect to, without a slash at the end. */
  readonly url: string;
  /** Where it listens, which the system chose if 0 was asked for. */
  readonly port: number;
  /** With the same seed and the same connections and requests in the same order, the same faults strike. */
  readonly seed: number;
  /** How many clients are connected. */
  readonly connections: number;
  /** What happened: first the seed, then the latest 1000 events. */
  readonly events: readonly ProxyEvent[];
  /**
   * Sets faults in place of those before, for new connections and requests and for those that are under way.
   *
   * @throws ChannelError `INVALID_ARGUMENT`, and then nothing has changed
   */
  set(faults: Fault | readonly Fault[]): void;
  /** Ends all faults. What is held back goes out; what is half-open stays so. */
  clear(): void;
  /** Ends all connections that there are, now. Default: by a reset. */
  cut(how?: CutMode): void;
  /** Resets all connections and listens no more. Resolves when that is done; may be called again. */
  close(): Promise<void>;
  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void>;
};

const mebibyte = 1024 * 1024;
const optionNames = ["target", "seed", "hostname", "port", "maxHeldBytes", "maxConnections"];

/**
 * Makes a proxy in front of a server, for tests: it passes on everything until it is told otherwise.
 *
 * @returns the proxy, once it listens
 * @throws ChannelError `INVALID_ARGUMENT` for options that cannot be, at once; rejects with `LISTEN_FAILED` when the port
 *   is taken or the address is not of this machine
 */
export function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  checkOptions("options", options, optionNames);
  const { maxHeldBytes = 16 * mebibyte, maxConnections = 10_000 } = options;
  const { target, seed = randomInt(2 ** 32), hostname = "127.0.0.1", port = 0 } = options;
  checkOptions("target", target, ["port", "hostname"]);
  checkInteger("target.port", target.port, 1, 65_535);
  checkHostname("target.hostname", target.hostname ?? "127.0.0.1");
  checkInteger("seed", seed, 0, 2 ** 32 - 1);
  checkHostname("hostname", hostname);
  checkInteger("port", port, 0, 65_535);
  checkInteger("maxHeldBytes", maxHeldBytes, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("maxConnections", maxConnections, 1, Number.MAX_SAFE_INTEGER);
  const proxy = new ListeningProxy({ hostname: "127.0.0.1", ...target }, seed, { maxHeldBytes, maxConnections });
  return proxy.listen(hostname, port);
}

type ProxyLimits = { readonly maxHeldBytes: number; readonly maxConnections: number };

class ListeningProxy implements FaultProxy {
  readonly seed: number;
  url = "";
  port = 0;
  readonly #server: Server;
  readonly #maxConnections: number;
  readonly #context: LinkContext;
  readonly #relays = new Set<Relay>();
  readonly #copies = new Set<Socket>();
  #plan: FaultPlan;
  #planCount = 0;
  #connectionCount = 0;
  #offlineTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(target: LinkContext["target"], seed: number, { maxHeldBytes, maxConnections }: ProxyLimits) {
    this.#maxConnections = maxConnections;
    this.seed = seed;
    this.#plan = new FaultPlan(seed, 0, []);
    this.#context = {
      target,
      maxHeldBytes,
      log: new EventLog(`seed ${seed}`),
      plan: () => this.#plan,
      keepCopy: (socket) => {
        this.#copies.add(socket);
        socket.once("close", () => this.#copies.delete(socket));
      },
    };
    // Without the half-open connections of Node a FIN would end the other direction, too.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#relays.size;
  }

  get events(): readonly ProxyEvent[] {
    return this.#context.log.events;
  }

  listen(hostname: string, port: number): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        const reason = cause.code ?? cause.message;
        reject(new ChannelErrorOf("LISTEN_FAILED", { hostname, port, reason }, { cause }));
      });
      this.#server.listen(port, hostname, () => {
        this.#server.on("error", (error) => this.#context.log.add("error", `accepting: ${error.message}`));
        const address = this.#server.address();
        this.port = typeof address === "object" && address !== null ? address.port : port;
        this.url = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.port}`;
        resolve(this);
      });
    });
  }

  set(faults: Fault | readonly Fault[]): void {
    const list = isList(faults) ? [...faults] : [faults];
    for (const [index, fault] of list.entries()) checkFault(isList(faults) ? `faults[${index}]` : "fault", fault);
    this.#context.log.add("set", JSON.stringify(list));
    this.#endOffline();
    this.#planCount += 1;
    this.#plan = new FaultPlan(this.seed, this.#planCount, list);
    for (const relay of this.#relays) relay.setFaults();
    for (const fault of list) if (fault.type === "offline") this.#goOffline(fault.forMs);
  }

  clear(): void {
    this.set([]);
  }

  cut(how: CutMode = "reset"): void {
    if (how !== "reset" && how !== "fin") throw invalidArgument("how", '"reset" or "fin"', how);
    this.#context.log.add("strike", `${this.#relays.size} connections are cut (${how})`);
    for (const relay of this.#relays) relay.cut(how);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    this.#connectionCount += 1;
    const number = this.#connectionCount;
    const refused = this.#reasonToRefuse(number);
    if (refused !== undefined) {
      socket.on("error", () => undefined);
      this.#context.log.add(refused.what, refused.detail, { connection: number });
      return endSocket(socket, "reset");
    }
    const relay = new Relay(this.#context, number, socket);
    this.#relays.add(relay);
    void relay.closed.then(() => this.#relays.delete(relay));
  }

  #reasonToRefuse(number: number): { what: "strike" | "limit"; detail: string } | undefined {
    if (this.#offlineTimer !== undefined) return { what: "strike", detail: "offline: refused" };
    if (this.#plan.chooseForConnection(number).length > 0) return { what: "strike", detail: "refused" };
    if (this.#relays.size < this.#maxConnections) return undefined;
    return { what: "limit", detail: `more than ${this.#maxConnections} connections: it is reset` };
  }

  #goOffline(forMs: number): void {
    clearTimeout(this.#offlineTimer);
    for (const relay of this.#relays) relay.freeze();
    this.#offlineTimer = setTimeout(() => this.#endOffline(), forMs);
  }

  #endOffline(): void {
    if (this.#offlineTimer === undefined) return;
    clearTimeout(this.#offlineTimer);
    this.#offlineTimer = undefined;
    this.#context.log.add("strike", "offline is over: the connections from before are reset");
    for (const relay of this.#relays) relay.cut("reset");
  }

  async #close(): Promise<void> {
    clearTimeout(this.#offlineTimer);
    const stopped = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    for (const socket of this.#copies) socket.destroy();
    await Promise.all([stopped, ...[...this.#relays].map((relay) => relay.closed)]);
  }
}

function isList(faults: Fault | readonly Fault[]): faults is readonly Fault[] {
  return Array.isArray(faults);
}

function checkInteger(argument: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalidArgument(argument, `an integer from ${min} to ${max}`, value);
  }
}

function checkHostname(argument: string, value: string): void {
  if (typeof value !== "string" || value === "") throw invalidArgument(argument, "a host name or address", value);
}
