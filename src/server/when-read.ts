import type { Socket } from "node:net";

/**
 * Calls back as soon as a client has read most of what it was sent.
 *
 * One that does not read its answers gets no more of them: they would pile up in memory. And the last one is not kept for
 * ever: it may take its time, as long as the client takes any of it.
 */
export function whenRead(socket: Socket, patienceMs: number, callback: () => void): void {
  if (!socket.writableNeedDrain) {
    callback();
    return;
  }
  const destroy = (): void => void socket.destroy();
  socket.setTimeout(patienceMs, destroy);
  socket.once("drain", () => {
    socket.setTimeout(0, destroy);
    callback();
  });
}
