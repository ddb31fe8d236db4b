import type { Connection } from "./connection.ts";

/** The rest of the time is for those who come last: they attach elsewhere before this transport ends. */
const movingShare = 0.8;

/**
 * Sends those elsewhere whose conversation can go on there, each at a time of its own, and ends what carried them soon after.
 *
 * The times are evenly spread and not drawn: of n clients, each n-th part of the time has one, so that whoever takes
 * them in next sees no peak, and chance makes none.
 *
 * @param withinMs - by then all have been sent, and all are told that this is the end
 * @returns takes back what is still to come
 */
export function moveAway(connections: Iterable<Connection>, withinMs: number): () => void {
  const moving = [...connections].filter(({ movable }) => movable !== undefined);
  const lastMs = withinMs * movingShare;
  const timers = moving.map((connection, index) => {
    const afterMs = Math.round((lastMs * (index + 0.5)) / moving.length);
    connection.movable?.moveAfter(afterMs);
    return setTimeout(() => connection.goAway(), afterMs + withinMs - lastMs);
  });
  return () => timers.forEach((timer) => clearTimeout(timer));
}
