/** Something that a fault proxy saw or did. */
export type ProxyEvent = {
  /** Milliseconds since the proxy was made. */
  readonly atMs: number;
  /**
   * - `start`: the proxy listens; `detail` has the seed
   * - `set`: faults were set or cleared
   * - `connect`, `request`, `response`, `close`: what a client or the server did
   * - `fault`: a fault was chosen for a connection or request; it may strike later, or never
   * - `strike`: a fault did what it is for
   * - `limit`: a bound was reached, with its outcome
   * - `unreadable`: bytes are no HTTP; they pass as they are
   * - `error`: the target cannot be reached, or a connection was reset by its peer
   */
  readonly what:
    | "start"
    | "set"
    | "connect"
    | "request"
    | "response"
    | "close"
    | "fault"
    | "strike"
    | "limit"
    | "unreadable"
    | "error";
  /** The connections of clients are numbered from 1. */
  readonly connection?: number;
  /** The requests of a connection are numbered from 1. */
  readonly request?: number;
  /** For people. */
  readonly detail: string;
};

/** More than a test reads; old ones are forgotten. */
const maxEvents = 1000;

/** The latest events, and the first one, which has the seed. */
export class EventLog {
  readonly #startMs = performance.now();
  readonly #first: ProxyEvent;
  #latest: ProxyEvent[] = [];

  constructor(detail: string) {
    this.#first = { atMs: 0, what: "start", detail };
  }

  get events(): readonly ProxyEvent[] {
    return [this.#first, ...this.#latest.slice(-maxEvents)];
  }

  add(what: ProxyEvent["what"], detail: string, place: { connection?: number; request?: number } = {}): void {
    this.#latest.push({ atMs: Math.round(performance.now() - this.#startMs), what, ...place, detail });
    // In lumps: a shift of each would move all others each time.
    if (this.#latest.length >= 2 * maxEvents) this.#latest = this.#latest.slice(-maxEvents);
  }
}
