import type { SessionLimits } from "../channel/session-limits.ts";
import type { Clock } from "./clock.ts";
import type { ServerSession } from "./server-session.ts";

/** The sessions whose clients are away: each for its window, all together within the memory of the process. */
export class GoneSessions<Item> {
  readonly #limits: SessionLimits;
  readonly #clock: Clock;
  /** The bytes that are counted for each; the one that is left longest comes first. */
  readonly #sessions = new Map<ServerSession<Item>, number>();
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
    while (this.#bytes > this.#limits.maxTotalReplayBytes) this.dropLongest();
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Ends the session that is left longest, for the reason that there is too much. */
  dropLongest(): void {
    const [longest] = this.#sessions.keys();
    longest?.drop("overflow");
  }

  delete(session: ServerSession<Item>): void {
    this.#bytes -= this.#sessions.get(session) ?? 0;
    this.#sessions.delete(session);
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
