import type { Socket } from "node:net";
import type { Limits } from "../channel/limits.ts";

/**
 * Ends a connection in good order: what waits is written, then FIN; what still comes is thrown away for a while.
 *
 * Closing with unread input would make the kernel send a reset, which can overtake the last response on its way.
 */
export function endSocket(socket: Socket, { idleTimeoutMs, lingerTimeoutMs }: Limits): void {
  if (socket.destroyed || socket.writableEnded) return;
  const destroy = (): void => void socket.destroy();
  socket.end();
  // What waits may take its time, as long as the client takes any of it.
  socket.setTimeout(idleTimeoutMs, destroy);
  socket.once("finish", () => {
    // Both sides have said all they want to say.
    if (socket.readableEnded) return destroy();
    const timer = setTimeout(destroy, lingerTimeoutMs);
    socket.once("end", destroy);
    socket.once("close", () => clearTimeout(timer));
  });
  socket.resume();
}
