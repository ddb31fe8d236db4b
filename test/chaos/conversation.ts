import { WebSocket as SocketOfWs } from "ws";
import type { SessionLimits } from "../../src/channel/session-limits.ts";
import { type ClientChannel, connect, type ConnectOptions } from "../../src/client.ts";
import type { Message, SessionChannel } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import type { Scope } from "../server/set-server.ts";
import type { Random } from "../support/random.ts";
import { ConversationServer } from "./conversation-server.ts";
import { Oracle } from "./oracle.ts";

const clientLimits = {
  fallbackDelayMs: 100,
  attachTimeoutMs: 2000,
  reconnectDelayMs: 20,
  maxReconnectDelayMs: 80,
  climbDelayMs: 100,
  downgradeMs: 200,
  maxQueuedBytes: 8 * 1024 * 1024,
  // A close whose ack is lost with the proxy must not keep the tests.
  resumeWindowMs: 3000,
};

/** A client sends no more while so much waits: the proxy writes some faults byte by byte. */
const mostWaitingBytes = 128 * 1024;
const tickMs = 5;

/** What is sent, and what of it may differ. */
export type Traffic = {
  /** The side that sends most of it. */
  readonly busy: "client" | "server";
  /** Of the largest message. */
  readonly maxBytes: number;
  /** Empty messages are all alike: where some may be missing, they cannot be told apart. */
  readonly hasEmpty: boolean;
};

export type ConversationOptions = {
  readonly random: Random;
  readonly traffic: Traffic;
  readonly client: ConnectOptions;
  readonly limits?: Partial<SessionLimits>;
  /** Default: one of its own, with these limits. */
  readonly server?: ConversationServer;
};

/** A client and a server that talk through a proxy, both at once, and the oracle that listens. */
export class Conversation {
  readonly proxy: FaultProxy;
  readonly oracle = new Oracle();
  readonly client: ClientChannel;
  readonly server: ConversationServer;
  readonly #path: string;
  readonly #random: Random;
  readonly #traffic: Traffic;
  #present: { readonly channel: SessionChannel; readonly index: number } | undefined;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  static async start(scope: Scope, options: ConversationOptions): Promise<Conversation> {
    const server = options.server ?? (await ConversationServer.start(scope, options.limits));
    const proxy = await createFaultProxy({ target: { port: server.port }, seed: options.random.seed });
    scope.after(() => proxy.close());
    const conversation = new Conversation(options, server, proxy);
    scope.after(() => conversation.#stop());
    return conversation;
  }

  private constructor(options: ConversationOptions, server: ConversationServer, proxy: FaultProxy) {
    this.#random = options.random;
    this.#traffic = options.traffic;
    this.server = server;
    this.proxy = proxy;
    this.#path = server.expect((channel) => this.#opened(channel));
    const hasOwn = "WebSocket" in globalThis;
    const own = hasOwn ? {} : { WebSocket: SocketOfWs };
    this.client = connect(proxy.url + this.#path, { ...clientLimits, ...own, ...options.client });
    this.client.onReceive((message) => this.oracle.clientReceived(message));
    this.client.onStatus((status) => {
      if (status.state === "open") this.oracle.clientOpened(status);
      else this.oracle.changed();
    });
  }

  /** Whether the server keeps nothing of the session that came last. */
  get isForgotten(): boolean {
    return this.server.sessions.get(this.#present?.channel.id ?? "") === undefined;
  }

  /** Both sides send from now on, some messages every few milliseconds. */
  talk(): void {
    this.#timer = setInterval(() => {
      const isBusy = (side: Traffic["busy"]): boolean => side === this.#traffic.busy;
      for (const side of ["client", "server"] as const) {
        for (let left = this.#random.int(0, isBusy(side) ? 3 : 1); left > 0; left -= 1) this.#send(side);
      }
      // What a proxy has done announces nothing: whoever waits for it looks now.
      this.oracle.changed();
    }, tickMs);
  }

  /** Nobody sends any more. */
  silence(): void {
    clearInterval(this.#timer);
  }

  /** Sends one message from each side, so that a loss at the end is noticed by what follows. */
  sendLast(): void {
    this.silence();
    this.#send("client", true);
    this.#send("server", true);
  }

  /** What happened, for who has to find out why. */
  story(): string {
    const dialled = this.client.explain().map(({ atMs, kind, event, cause }) => `${atMs} ${kind} ${event} ${cause}`);
    const events = this.proxy.events.map(({ atMs, what, connection, request, detail }) =>
      [atMs, what, connection, request, detail].join(" "),
    );
    return ["the client:", ...dialled, "the proxy:", ...events.slice(-60)].join("\n  ");
  }

  #opened(channel: SessionChannel): void {
    const { index, greeting } = this.oracle.serverOpened();
    this.#present = { channel, index };
    channel.onReceive((message) => this.oracle.serverReceived(index, message));
    channel.onClose((status, { code }) => this.oracle.serverClosed(index, `${status} ${code}`));
    channel.send(greeting);
  }

  #send(side: Traffic["busy"], isLast = false): void {
    const message = this.#message(side);
    if (side === "client") {
      if (!isLast && this.client.bufferedAmount > mostWaitingBytes) return;
      // Noted first: it may arrive at once.
      this.oracle.clientSends(message);
      if (!this.client.send(message)) throw new Error("the client took no message");
    } else if (this.#present !== undefined) {
      const { channel, index } = this.#present;
      if (!isLast && channel.bufferedAmount > mostWaitingBytes) return;
      this.oracle.serverSends(index, message);
      channel.send(message);
    }
  }

  /** Text and bytes, most of them short, some empty, each another one. */
  #message(side: string): Message {
    const random = this.#random;
    this.#count += 1;
    if (this.#traffic.hasEmpty && random.chance(0.02)) return random.chance(0.5) ? "" : new Uint8Array(0);
    const usual = random.pick([0, 20, 100, 100, 200, 1000]);
    const bytes = Math.min(this.#traffic.maxBytes, random.chance(0.02) ? random.int(0, 70_000) : usual);
    const start = `${side} ${this.#count} é漢😀 `;
    if (random.chance(0.5)) return start.padEnd(bytes, random.pick(["x", "é", "\n"]));
    return Uint8Array.from(Buffer.concat([Buffer.from(start), random.bytes(bytes)]));
  }

  #stop(): void {
    this.silence();
    this.client.close();
    this.server.forget(this.#path);
  }
}
