import type { ChannelKind } from "../channel/channel.ts";
import type { Message } from "../channel/message-type.ts";
import { mayReturn, silent } from "../protocol/close-code.ts";
import type { ClientSession } from "../session/client-session.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientStatus, TimelineEntry } from "./client-status.ts";
import { clock } from "./clock.ts";
import { HttpLink } from "./http-link.ts";
import { type Link, lostCode } from "./link.ts";
import { randomFraction } from "./random.ts";
import { WebSocketLink } from "./websocket-link.ts";

/** What is remembered of an origin: transports before this one did not work there. Another channel may have other ones. */
type Downgrade = { readonly first: ChannelKind; readonly untilMs: number };

/** Of each origin. In memory, so that a page that is loaded again begins anew. */
const downgrades = new Map<string, Downgrade>();
const maxDowngrades = 100;

const missingWebSocket = "there is no WebSocket here: pass one, such as that of ws, as the option WebSocket";

/** What the ladder tells. */
export type LadderEvents = {
  status(status: ClientStatus): void;
  timeline(entry: TimelineEntry): void;
  /** There is no point in dialling again. */
  failed(code: number, reason: string): void;
};

/**
 * Which transport is dialled when.
 *
 * The best one first, and while it does not answer the next one beside it. The first to answer carries the session, and
 * those above it are tried again in the background.
 */
export class Ladder {
  readonly #settings: ClientSettings;
  readonly #events: LadderEvents;
  readonly #kinds: readonly ChannelKind[];
  readonly #origin: string;
  /** What is dialled or carries the session. */
  readonly #links = new Set<Link>();
  #session: ClientSession<Message>;
  #carrier: Link | undefined;
  /** The transport that is dialled next. */
  #next = 0;
  #failures = 0;
  #climbMs = 0;
  /** What the last transport took to answer. */
  #answerMs = 0;
  #isPaused = false;
  #cause = "";
  /** Takes back what was to happen next: the next transport, the next attempt, or that to climb. */
  #cancel: (() => void) | undefined;

  constructor(settings: ClientSettings, session: ClientSession<Message>, events: LadderEvents) {
    this.#settings = settings;
    this.#session = session;
    this.#events = events;
    this.#origin = new URL(settings.url).origin;
    this.#kinds = settings.transports.filter((kind) => {
      const isMissing = kind === "websocket" && settings.WebSocket === undefined;
      if (isMissing) this.#tell(kind, "left", missingWebSocket);
      return !isMissing;
    });
  }

  /** What carries the session, or is dialled. */
  get kind(): ChannelKind {
    return this.#carrier?.kind ?? this.#kinds[Math.max(0, this.#next - 1)] ?? "websocket";
  }

  /** Dials now. */
  dial(): void {
    this.#next = this.#first;
    this.#dialNext();
  }

  /** Goes on with another session. */
  replace(session: ClientSession<Message>): void {
    this.#session = session;
  }

  /** The network may have changed, or the machine have slept. */
  wake(): void {
    if (this.#links.size === 0) this.dial();
    else if (this.#carrier?.kind === "websocket") this.#session.probe(this.#settings.probeTimeoutMs);
    // The answer to a request says nothing of another one, which waits for what comes.
    else if (this.#carrier !== undefined) this.#open(this.kind);
  }

  /** Lets go of all transports, or dials again. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.stop();
    else this.wake();
  }

  stop(): void {
    this.#cancel?.();
    for (const link of this.#links) link.detach(1000, "");
  }

  /** Another transport carries the session from now on. */
  attached(): void {
    for (const link of this.#links) if (link.isCarrying) this.#carrier = link;
    this.#cancel?.();
    this.#failures = 0;
    this.#answerMs = clock.now() - (this.#carrier?.dialledAtMs ?? 0);
    this.#next = this.#kinds.indexOf(this.kind);
    this.#tell(this.kind, "carries");
    this.#startAt(this.#next);
    if (this.#next === 0) this.#climbMs = 0;
    this.#goOn();
  }

  /** The server asks for another transport of the same kind. */
  leave(afterMs: number): void {
    this.#after(afterMs, () => this.#open(this.kind));
  }

  #after(delayMs: number, run: () => void): void {
    this.#cancel?.();
    this.#cancel = clock.after(delayMs, run);
  }

  /** Which transport is dialled first. */
  get #first(): number {
    const { first, untilMs = 0 } = downgrades.get(this.#origin) ?? {};
    return first !== undefined && untilMs > clock.now() ? Math.max(0, this.#kinds.indexOf(first)) : 0;
  }

  /** Remembers which transport is the first to work; behind the last one it begins with the best again. */
  #startAt(level: number): void {
    const first = this.#kinds[level];
    const { untilMs = clock.now() + this.#settings.downgradeMs } =
      this.#first > 0 ? (downgrades.get(this.#origin) ?? {}) : {};
    if (downgrades.size >= maxDowngrades) downgrades.clear();
    if (level > 0 && first !== undefined) downgrades.set(this.#origin, { first, untilMs });
    else downgrades.delete(this.#origin);
  }

  readonly #ended = (link: Link, code: number, cause: string): void => {
    this.#links.delete(link);
    this.#cause = `${code} ${cause}`;
    this.#tell(link.kind, "left", this.#cause);
    if (link === this.#carrier) {
      // A stream that is held back works no better when it is dialled again.
      if (code === silent && link.kind === "http-streaming") this.#startAt(this.#kinds.indexOf(link.kind) + 1);
      this.#carrier = undefined;
      this.#next = this.#kinds.length;
      if (this.#links.size > 0) {
        // Most often it ended because the server has got the attach of another one, whose answer is on its way.
        this.#next = this.#first;
        this.#dialLater();
        return;
      }
    }
    if (this.#session.attachment === undefined && !mayReturn(code)) this.#events.failed(code, cause);
    // Not at once: it may have ended because another one is about to carry the session.
    queueMicrotask(() => this.#goOn());
  };

  /** Dials the next transport, or waits for the time to do so. */
  #goOn(): void {
    if (this.#session.isOver || this.#isPaused) return;
    const level = this.#carrier === undefined ? this.#kinds.length : this.#kinds.indexOf(this.kind);
    // One at a time is tried beside what carries the session.
    if (this.#carrier !== undefined && this.#links.size > 1) return;
    if (this.#next < level) this.#dialNext();
    else if (this.#links.size === 0) this.#wait();
    else if (this.#carrier !== undefined && level > 0) this.#climbLater();
  }

  #dialNext(): void {
    const kind = this.#kinds[this.#next];
    this.#cancel?.();
    if (kind === undefined) return;
    this.#next += 1;
    if (this.#carrier === undefined) {
      this.#dialLater();
      this.#events.status({ state: "connecting", kind, attempt: this.#failures + 1 });
    }
    this.#open(kind);
  }

  /** Unless what is dialled already answers before. */
  #dialLater(): void {
    this.#after(Math.max(this.#settings.fallbackDelayMs, 2 * this.#answerMs), () => this.#dialNext());
  }

  #open(kind: ChannelKind): void {
    const options = { settings: this.#settings, session: this.#session, ended: this.#ended };
    const link = kind === "websocket" ? new WebSocketLink(options) : new HttpLink(kind, options);
    this.#links.add(link);
    this.#tell(kind, "dialled");
    link.start();
  }

  #wait(): void {
    const { reconnectDelayMs, maxReconnectDelayMs, maxAttempts } = this.#settings;
    const session = this.#session;
    if (this.#failures >= maxAttempts) {
      this.#events.failed(lostCode, this.#cause);
      return;
    }
    // Nothing is left but to say that it is closed. It is tried once, and not at all where nobody knows of the session.
    const isTried = this.#failures > 0 || session.answer === undefined;
    if (isTried && !session.isOpen && session.unacknowledged === 1) {
      session.drop("expired");
      return;
    }
    // Whatever was remembered, it does not work either.
    if (this.#failures > 0) this.#startAt(0);
    // Full jitter: clients that lost their server together do not come back together.
    const retryInMs = Math.min(maxReconnectDelayMs, reconnectDelayMs * 2 ** this.#failures) * randomFraction();
    this.#events.status({ state: "waiting", attempt: this.#failures, retryInMs, cause: this.#cause });
    this.#failures += 1;
    this.#after(retryInMs, () => this.dial());
  }

  #climbLater(): void {
    const { climbDelayMs, downgradeMs } = this.#settings;
    this.#climbMs = Math.min(2 * this.#climbMs || climbDelayMs, downgradeMs);
    this.#after(this.#climbMs, () => {
      this.#next = 0;
      this.#dialNext();
    });
  }

  #tell(kind: ChannelKind, event: TimelineEntry["event"], cause = ""): void {
    this.#events.timeline({ atMs: Date.now(), kind, event, cause });
  }
}
