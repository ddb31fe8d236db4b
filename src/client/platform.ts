import type { Ladder } from "./ladder.ts";

/** A timer that comes so much late was held up by a machine that slept. */
const tickMs = 5000;

/** What a page or a machine does to its connections. @returns stops watching */
export function watchPlatform(ladder: Pick<Ladder, "wake" | "pause">): () => void {
  let tickedAtMs = Date.now();
  const timer = setInterval(() => {
    // By the clock on the wall, which goes on while the machine sleeps.
    const nowMs = Date.now();
    if (nowMs - tickedAtMs > 2 * tickMs) ladder.wake();
    tickedAtMs = nowMs;
  }, tickMs);
  // A browser removes the listeners; Node has none of these.
  const listening = new AbortController();
  const { addEventListener } = globalThis as unknown as Partial<Listening>;
  for (const type of ["online", "pagehide", "pageshow"]) {
    addEventListener?.(
      type,
      ({ persisted }) => {
        if (type === "online") ladder.wake();
        // The page may be kept and shown again: one with a connection is not kept.
        else if (persisted) ladder.pause(type === "pagehide");
      },
      listening,
    );
  }
  return () => {
    clearInterval(timer);
    listening.abort();
  };
}

/** What Node has not. */
type Listening = {
  addEventListener(
    type: string,
    listener: (event: { readonly persisted?: boolean }) => void,
    options: { readonly signal: AbortSignal },
  ): void;
};
