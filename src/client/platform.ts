/** A timer that comes so much late was held up by a machine that slept. */
const tickMs = 5000;

/** What a page or a machine does to its connections. @returns stops watching */
export function watchPlatform(wake: () => void, pause: (isPaused: boolean) => void): () => void {
  let tickedAtMs = Date.now();
  const timer = setInterval(() => {
    // By the clock on the wall, which goes on while the machine sleeps.
    const nowMs = Date.now();
    if (nowMs - tickedAtMs > 2 * tickMs) wake();
    tickedAtMs = nowMs;
  }, tickMs);
  const listener = ({ type, persisted }: { readonly type: string; readonly persisted?: boolean }): void => {
    if (type === "online") wake();
    // The page may be kept and shown again: one with a connection is not kept.
    else if (persisted === true) pause(type === "pagehide");
  };
  const { addEventListener, removeEventListener } = globalThis as unknown as Partial<Listening>;
  const events = ["online", "pagehide", "pageshow"];
  for (const event of events) addEventListener?.(event, listener);
  return () => {
    clearInterval(timer);
    for (const event of events) removeEventListener?.(event, listener);
  };
}

/** What Node has not. */
type Listening = {
  addEventListener(type: string, listener: (event: { readonly type: string }) => void): void;
  removeEventListener(type: string, listener: (event: { readonly type: string }) => void): void;
};
