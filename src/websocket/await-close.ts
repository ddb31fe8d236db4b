import type { Socket } from "node:net";
import type { Limits } from "../channel/limits.ts";
import type { Outbox } from "../channel/outbox.ts";

/**
 * Cuts a client that does not answer our Close frame in time.
 *
 * @param isPatient - the time begins when the frame was handed to the network: what waits before it may take its own, as
 *   long as the client takes any of it. Else it begins now
 * @returns takes it back
 */
export function awaitClose(socket: Socket, outbox: Outbox, limits: Limits, isPatient: boolean): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const destroy = (): void => void socket.destroy();
  const expectAnswer = (): void => {
    if (!isOver && !socket.destroyed) timer = setTimeout(destroy, limits.closeTimeoutMs);
  };
  if (isPatient) {
    socket.setTimeout(limits.idleTimeoutMs, destroy);
    void outbox.flushed().then(expectAnswer);
  } else expectAnswer();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
