import type { SessionLimits } from "../channel/session-limits.ts";
import type { Clock } from "./clock.ts";
import type { ServerSession } from "./server-session.ts";

/** The sessions whose clients are away: each for its window, all together within the memory of the process. */
export class GoneSessions<Item> {
  readonly #limits: SessionLimits;
  readonly #clock: Clock;
  /** The bytes that are counted for each; the one that is left longest comes first. */
  readonly #sessions = new Map<ServerSession<Item>, number>();
  /** Those for which more is kept than for one that is away: each came with that, and ends with the next message in any case. */
  readonly #overfull = new Set<ServerSession<Item>>();
  #bytes = 0;
  /** One timer for all: they expire in the order in which they were left. */
  #isWatching = false;

  constructor(limits: SessionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(session: ServerSession<Item>): void {
    this.#sessions.set(session, 0);
    if (!this.#isWatching) this.#watch(this.#limits.resumeWindowMs);
    this.grew(session, session.overheadBytes + session.bufferedBytes);
  }

  /** More is kept for one of them. */
  grew(session: ServerSession<Item>, bytes: number): void {
    const counted = this.#sessions.get(session);
    if (counted === undefined) return;
    this.#sessions.set(session, counted + bytes);
    this.#bytes += bytes;
    if (session.bufferedBytes > this.#limits.maxReplayBytes) this.#overfull.add(session);
    while (this.#bytes > this.#limits.maxTotalReplayBytes) {
      this.#dropFirstOf(this.#overfull.size > 0 ? this.#overfull : this.#sessions);
    }
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Ends the session that is left longest, for the reason that there is too much. */
  dropLongest(): void {
    this.#dropFirstOf(this.#sessions);
  }

  delete(session: ServerSession<Item>): void {
    this.#bytes -= this.#sessions.get(session) ?? 0;
    this.#sessions.delete(session);
    this.#overfull.delete(session);
  }

  #dropFirstOf(sessions: { keys(): Iterable<ServerSession<Item>> }): void {
    const [first] = sessions.keys();
    first?.drop("overflow");
  }

  #watch(delayMs: number): void {
    this.#isWatching = true;
    this.#clock.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#isWatching = false;
    for (const session of this.#sessions.keys()) {
      const leftMs = session.goneSinceMs + this.#limits.resumeWindowMs - this.#clock.now();
      if (leftMs > 0) {
        this.#watch(leftMs);
        break;
      }
      session.drop("expired");
    }
  }
}
