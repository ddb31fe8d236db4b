/**
 * Over HTTP/1.1 a browser opens six connections to a host, for all of its tabs. If every tab held a response back, the
 * seventh could not even load its page, and none could send. So at most half of the connections are held for long.
 */
const mostTabs = 3;

/** How long the others hold one: where there are 20 of them, each waits for its turn for 3 s at most. */
const crowdedHoldMs = 500;

const lockName = "channelkit";

// What a page has. Node has locks, too, but no such bound, and no location: what is missing throws.
declare const location: object;
declare const navigator: {
  readonly locks: {
    request(name: string, options: { readonly mode: "shared" }, hold: () => unknown): Promise<unknown>;
    query(): Promise<{ readonly held: readonly { readonly name: string; readonly clientId: string }[] }>;
  };
};

/**
 * How long a response may be held, so that all tabs of this origin have their turn. They count each other by a lock for
 * each, which ends with its tab however that ends. A broadcast between tabs would need a heartbeat for that, and a leader
 * that speaks for all a takeover.
 *
 * @param signal - if given, the caller is counted until it aborts
 * @returns undefined: as long as the server holds it. So it is where there are no locks: in Node, in a sandbox, without TLS
 */
export async function holdLimitMs(signal?: AbortSignal): Promise<number | undefined> {
  try {
    const { locks } = location && navigator;
    if (signal) {
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- nobody else listens to a signal of our own
      const left = new Promise((resolve) => (signal.onabort = resolve));
      // It is held before the question behind it is answered: the browser takes both in their order.
      locks.request(lockName, { mode: "shared" }, () => left).catch(() => undefined);
    }
    const { held } = await locks.query();
    // By tab: one that dials again holds two for a moment, and must not stand in its own way.
    const tabs = new Set(held.filter((lock) => lock.name === lockName).map((lock) => lock.clientId));
    return tabs.size > mostTabs ? crowdedHoldMs : undefined;
  } catch {
    return undefined;
  }
}
