/** A timer that comes so much late was held up by a machine that slept. */
const tickMs = 5000;

/** Whom it concerns what a page or a machine does to its connections. */
export type Watcher = {
  /** The network may have changed, or the machine have slept. */
  wake(): void;
  /** The page is kept for later, or shown again. */
  pause(isPaused: boolean): void;
};

/** The channels of the page. They share a timer and listeners, which stay: to take them back would cost more than they do. */
const watchers = new Set<Watcher>();
let tickedAtMs = 0;

/** What a page or a machine does to its connections. @returns stops watching */
export function watchPlatform(watcher: Watcher): () => void {
  if (tickedAtMs === 0) listen();
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function listen(): void {
  const { addEventListener, setInterval } = globalThis as unknown as Platform;
  tickedAtMs = Date.now();
  const timer = setInterval(() => {
    // By the clock on the wall, which goes on while the machine sleeps.
    const nowMs = Date.now();
    if (nowMs - tickedAtMs > 2 * tickMs) for (const watcher of watchers) watcher.wake();
    tickedAtMs = nowMs;
  }, tickMs);
  // Node must not stay for it.
  timer.unref?.();
  for (const event of ["online", "pagehide", "pageshow", "resume"]) {
    const tell = ({ type, persisted }: PageEvent): void => {
      for (const watcher of watchers) {
        // What was open when the page was frozen may be dead, and not say so: Chromium reads some streams no further.
        if (type === "online" || type === "resume") watcher.wake();
        // The page may be kept and shown again: one with a connection is not kept.
        else if (persisted === true) watcher.pause(type === "pagehide");
      }
    };
    // On its way down, since the last one is for the document.
    addEventListener?.(event, tell, true);
  }
}

type PageEvent = { readonly type: string; readonly persisted?: boolean };

/** What browsers have and Node has not, and the other way round. */
type Platform = {
  readonly addEventListener?: (event: string, listener: (event: PageEvent) => void, capture: boolean) => void;
  readonly setInterval: (run: () => void, delayMs: number) => { readonly unref?: () => void };
};
