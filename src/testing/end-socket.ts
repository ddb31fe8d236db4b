import type { Socket } from "node:net";
import type { CutMode } from "./fault.ts";

/** How long the other side may take to end, too, after a FIN. Then the connection is destroyed. */
const lingerTimeoutMs = 1000;

/** Ends a connection. What still comes is thrown away: closing with unread input would make a reset of a FIN. */
export function endSocket(socket: Socket, how: CutMode): void {
  if (socket.destroyed) return;
  if (how === "reset") return resetSocket(socket);
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
}

/** A reset, whatever still waits to be written. */
export function resetSocket(socket: Socket): void {
  // It has said that it is at its end: a reset while that is on its way out fails, and the socket would never close.
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
