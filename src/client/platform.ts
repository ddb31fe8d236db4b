/** A timer that comes so much late was held up by a machine that slept. */
const tickMs = 5000;

/** Whom it concerns what a page or a machine does to its connections. */
export type Watcher = {
  /** The network may have changed, the machine have slept, the page be shown again; or it is kept for later. */
  wake(isKept?: boolean): void;
};

/** The channels of the page. They share a timer and listeners, which stay: to take them back would cost more than they do. */
export const watchers: Set<Watcher> = new Set();
let tickedAtMs = 0;

/** Tells a watcher what a page or a machine does to its connections, until it is no longer among the watchers. */
export function watchPlatform(watcher: Watcher): void {
  watchers.add(watcher);
  if (!tickedAtMs) listen();
}

function listen(): void {
  tickedAtMs = Date.now();
  const timer: unknown = setInterval(() => {
    // By the clock on the wall, which goes on while the machine sleeps.
    const nowMs = Date.now();
    if (nowMs - tickedAtMs > 2 * tickMs) for (const watcher of watchers) watcher.wake();
    tickedAtMs = nowMs;
  }, tickMs);
  // Node must not stay for it.
  (timer as Timer).unref?.();
  for (const event of ["online", "pagehide", "pageshow"]) {
    (globalThis as Platform).addEventListener?.(event, ({ persisted }) => {
      for (const watcher of watchers) {
        // What was open when the page was frozen may be dead, and not say so: Chromium reads some streams no further.
        // The page may be kept and shown again: one with a connection is not kept.
        if (persisted !== false) watcher.wake(event === "pagehide");
      }
    });
  }
}

type PageEvent = {
  readonly type: string;
  /** Of a page that is hidden or shown: whether it is kept. Other events have none. */
  readonly persisted?: boolean;
};

/** What Node has and browsers have not. */
type Timer = { readonly unref?: () => void };

/** What browsers have and Node has not. */
type Platform = {
  readonly addEventListener?: (event: string, listener: (event: PageEvent) => void) => void;
};
