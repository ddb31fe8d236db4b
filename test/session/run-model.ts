import { defaultSessionLimits, type SessionLimits } from "../../src/channel/session-limits.ts";
import type { Message } from "../../src/channel/message-type.ts";
import { Random } from "../support/random.ts";
import { ModelClient } from "./model-client.ts";
import { ModelServer } from "./model-server.ts";
import { type Faults, Link, Requests } from "./network.ts";
import { Oracle } from "./oracle.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** What happened in a run, to see that runs reach what they are for. */
export type RunReport = {
  readonly sessions: number;
  readonly resumed: number;
  readonly reasons: readonly string[];
  readonly delivered: number;
  readonly ends: readonly string[];
};

/** Runs both ends over a network that fails, with everything that happens chosen by the seed. Throws what is broken. */
export function runModel(seed: number): RunReport {
  return new Run(new Random(seed)).run();
}

class Run {
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #faults: Faults;
  readonly #oracle: Oracle;
  readonly #limits: SessionLimits;
  readonly #client: ModelClient;
  readonly #links = new Set<Link>();
  readonly #report = { resumed: 0, reasons: [] as string[] };
  readonly #requests: Requests<{ readonly credentials: string | undefined }>;
  #server: ModelServer;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#faults = { rate: random.pick([0, 0.05, 0.3, 0.6]), isDown: false };
    this.#limits = {
      ...defaultSessionLimits,
      maxUnacknowledgedBytes: random.pick([3000, 8000]),
      // Not drawn, so that the draws of a seed stay as they are.
      maxTotalUnacknowledgedBytes: random.seed % 4 === 1 ? 2000 : 16_000,
      maxReplayBytes: random.pick([1500, 3000]),
      maxReplayMessages: random.pick([6, 20]),
      resumeWindowMs: 20_000,
      maxTotalReplayBytes: 2048 + random.pick([1000, 6000, 6000]),
      maxSessions: 10,
      maxEndedSessions: 100,
      ackMessages: random.pick([1, 4, 64]),
      ackBytes: random.pick([500, 5000]),
      ackDelayMs: random.pick([200, 1000]),
      pingIntervalMs: 5000,
      pongTimeoutMs: 2000,
      pollHoldMs: 4000,
    };
    this.#oracle = new Oracle(this.#limits);
    this.#requests = new Requests(this.#clock, random, this.#faults, (head, body, answer) =>
      this.#server.takeRequest(head, body, answer),
    );
    this.#server = this.#startServer();
    this.#client = new ModelClient({
      ...this.#shared(),
      openLink: () => this.#openLink(),
      requests: this.#requests,
    });
    const attached = this.#oracle.clientAttached.bind(this.#oracle);
    this.#oracle.clientAttached = (told, present) => {
      if (told.resumed) this.#report.resumed += 1;
      else if (told.reason !== undefined) this.#report.reasons.push(told.reason);
      attached(told, present);
    };
  }

  run(): RunReport {
    this.#client.dial();
    for (let step = this.#random.int(20, 120); step > 0; step -= 1) {
      this.#act();
      this.#clock.advance(this.#random.pick([0, 1, 20, 300, 2000]));
      this.#checkBounds();
    }
    this.#heal();
    this.#finish();
    const known = [...this.#oracle.sessions.values()];
    return {
      ...this.#report,
      sessions: known.length,
      delivered: known.reduce((sum, { delivered }) => sum + delivered, 0),
      ends: known.map(({ end, isDead }) => (isDead ? "died" : (end?.cause ?? "none"))),
    };
  }

  #act(): void {
    const random = this.#random;
    const action = random.int(0, 999);
    if (action < 300) this.#clientSends(random.int(1, 4));
    else if (action < 600) this.#serverSends(random.int(1, 4));
    else if (action < 700) this.#fail();
    else if (action < 770) this.#client.dial();
    else if (action < 810) for (const kind of random.shuffle(["websocket", "stream"] as const)) this.#client.dial(kind);
    else if (action < 840) this.#goDown(random.int(200, 5000));
    else if (action < 845) this.#goDown(this.#limits.resumeWindowMs + 10_000);
    else if (action < 852) this.#restart();
    else if (action < 860) this.#serverSends(random.int(10, 40));
    else if (action < 863) this.#clientSends(random.int(5, 15));
    else if (action < 868) this.#client.isTampering = true;
    else if (action < 870) this.#closeOne();
  }

  #fail(): void {
    for (const link of this.#links) {
      const what = this.#random.int(0, 2);
      if (what === 0) link.cut();
      else if (what === 1) link.mute();
    }
    if (this.#random.chance(0.5)) this.#requests.cutAll();
  }

  #goDown(durationMs: number): void {
    this.#faults.isDown = true;
    for (const link of this.#links) link.cut();
    this.#requests.cutAll();
    this.#clock.after(durationMs, () => (this.#faults.isDown = false));
  }

  #restart(): void {
    this.#server.die();
    for (const link of this.#links) link.cut();
    this.#requests.cutAll();
    this.#server = this.#startServer();
  }

  #closeOne(): void {
    if (this.#random.chance(0.5)) this.#client.session.close(4100, "enough");
    else for (const session of this.#server.open.values()) session.close(4600, "no more");
  }

  #clientSends(count: number): void {
    const { session } = this.#client;
    for (let sent = 0; sent < count && session.isOpen; sent += 1) {
      const message = this.#message("c");
      // Noted first: it may be on its way when `send` returns.
      if (session.send(message, Buffer.byteLength(message))) this.#oracle.clientSent(message);
      this.#oracle.checkBounds(session);
    }
  }

  #serverSends(count: number): void {
    for (const session of this.#server.open.values()) {
      for (let sent = 0; sent < count && session.isOpen; sent += 1) {
        const message = this.#message("s");
        if (session.send(message)) this.#oracle.serverSent(session.id, message);
        this.#oracle.checkSent(this.#server.registry.presentBytes);
        this.#oracle.checkBounds(session);
      }
    }
    this.#checkBounds();
  }

  #message(side: string): Message {
    const text = `${side}${this.#count++} é漢😀`.padEnd(this.#random.pick([0, 0, 180]), ".");
    if (side === "s" && this.#random.chance(0.05)) return new Uint8Array(0);
    return this.#random.chance(0.5) ? text : Buffer.from(text.slice(0, 150));
  }

  #checkBounds(): void {
    const { registry, sessions } = this.#server;
    this.#oracle.checkGoneBytes(registry.goneBytes);
    this.#oracle.checkPresentBytes(registry.presentBytes, sessions);
  }

  /** The network is well again: everything has to arrive now. */
  #heal(): void {
    this.#faults.rate = 0;
    this.#client.isTampering = false;
    this.#clock.advance(this.#limits.resumeWindowMs + 15_000);
    this.#faults.isDown = false;
    for (let tries = 60; !this.#oracle.isDelivered; tries -= 1) {
      if (tries === 0) throw new Error("messages did not arrive, and nobody was told");
      this.#clock.advance(1000);
    }
  }

  #finish(): void {
    if (this.#random.chance(0.5)) this.#client.session.close(1000, "");
    else for (const session of this.#server.open.values()) session.close(1000, "");
    this.#clock.advance(2 * this.#limits.resumeWindowMs);
    this.#oracle.checkEnded();
    if (this.#server.registry.size > 0) throw new Error(`${this.#server.registry.size} sessions are still kept`);
    if (this.#server.registry.goneBytes !== 0) throw new Error("bytes of sessions that are over are still counted");
    if (this.#server.registry.presentBytes !== 0) throw new Error("bytes of clients that have left are still counted");
  }

  #openLink(): Link["client"] {
    const link = new Link(this.#clock, this.#random);
    this.#links.add(link);
    if (this.#faults.isDown) link.mute();
    else if (this.#random.chance(this.#faults.rate * 0.3)) link.mute();
    const server = this.#server;
    server.acceptLink(link.server);
    return link.client;
  }

  #startServer(): ModelServer {
    return new ModelServer(this.#shared());
  }

  #shared(): ConstructorParameters<typeof ModelServer>[0] {
    return {
      clock: this.#clock,
      random: this.#random,
      limits: this.#limits,
      oracle: this.#oracle,
      createToken: () => `token-${this.#random.int(0, 2 ** 31)}-${this.#random.int(0, 2 ** 31)}-padding`,
    };
  }
}
