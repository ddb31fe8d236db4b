import { setTimeout as delay } from "node:timers/promises";
import { invalidArgument } from "../channel/errors.ts";
import { longestTimerMs } from "../channel/limits.ts";
import type { Acceptor } from "./acceptor.ts";
import { takeOptions } from "../channel/take-options.ts";
import { moveAway } from "./move-away.ts";

/** How a server is stopped. */
export type StopOptions = {
  /**
   * How long handlers and channels may take. Milliseconds. Default: 5000.
   *
   * Handlers that run may answer within all of it. Open channels can be sent to in its first half; then they get their
   * last words (WebSocket: Close 1001; stream: its end; parked poll: 503 with Retry-After). Clients of sessions are sent
   * elsewhere one after the other meanwhile; what carries one still then ends with 4000, and the session stays, for a
   * client that comes back to this process. What is left at the end is cut. When nothing is left earlier, stopping takes
   * no longer.
   */
  readonly timeoutMs?: number;
  /**
   * How long the server goes on before that, so that a load balancer notices: `status` says `stopping` from the call on,
   * and answers say `Connection: close`. Milliseconds, and not a part of `timeoutMs`. Default: 0.
   */
  readonly delayMs?: number;
};

const defaultStopTimeoutMs = 5_000;

/**
 * Lets everything that runs come to its end, and cuts what is left in the end.
 *
 * @param stopListening - called when the delay is over: no connection is taken from then on
 * @returns true when no connection is left; false, at once, if it was called before
 * @throws ChannelError `INVALID_ARGUMENT` for a time that is none
 */
export function stopAcceptor(
  acceptor: Acceptor,
  options: StopOptions,
  stopListening: () => void = () => undefined,
): Promise<boolean> {
  const { timeoutMs = defaultStopTimeoutMs, delayMs = 0 } = takeOptions("options", options, ["timeoutMs", "delayMs"]);
  checkTime("timeoutMs", timeoutMs);
  checkTime("delayMs", delayMs);
  if (acceptor.state.status !== "running") return Promise.resolve(false);
  acceptor.state.status = "stopping";
  const end = (): Promise<true> => {
    acceptor.state.isAccepting = false;
    stopListening();
    return endAll(acceptor, timeoutMs);
  };
  // Without a delay everything ends in the call itself, and not a turn later.
  return delayMs === 0 ? end() : delay(delayMs).then(end);
}

function checkTime(name: string, timeMs: number): void {
  if (Number.isFinite(timeMs) && timeMs >= 0 && timeMs <= longestTimerMs) return;
  throw invalidArgument(name, `a number of milliseconds from 0 to ${longestTimerMs}`, timeMs);
}

async function endAll(acceptor: Acceptor, timeoutMs: number): Promise<true> {
  for (const connection of acceptor.connections) if (connection.isIdle) connection.endIdle();
  const stopMoving = moveAway(acceptor.connections, timeoutMs / 2);
  const lastWords = setTimeout(() => {
    acceptor.state.isDismissing = true;
    for (const connection of acceptor.connections) connection.goAway();
  }, timeoutMs / 2);
  const deadline = setTimeout(() => {
    for (const connection of acceptor.connections) connection.cut(true);
  }, timeoutMs);
  await acceptor.whenEmpty();
  stopMoving();
  clearTimeout(lastWords);
  clearTimeout(deadline);
  acceptor.state.status = "stopped";
  return true;
}
