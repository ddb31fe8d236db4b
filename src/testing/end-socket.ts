import type { Socket } from "node:net";
import type { CutMode } from "./fault.ts";

/** How long the other side may take to end, too, after a FIN. Then the connection is destroyed. */
const lingerTimeoutMs = 1000;

/** Ends a connection. What still comes is thrown away: closing with unread input would make a reset of a FIN. */
export function endSocket(socket: Socket, how: CutMode): void {
  if (socket.destroyed) return;
  if (how === "reset") return void socket.resetAndDestroy();
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
}
