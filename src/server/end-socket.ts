import type { Socket } from "node:net";

/**
 * Ends a connection in good order: what waits is written, then FIN; what still comes is thrown away for a while.
 *
 * Closing with unread input would make the kernel send a reset, which can overtake the last response on its way.
 */
export function endSocket(socket: Socket, lingerTimeoutMs: number): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end();
  const destroy = (): void => {
    clearTimeout(timer);
    socket.destroy();
  };
  const timer = setTimeout(destroy, lingerTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
  // Both sides have said all they want to say.
  const destroyWhenWritten = (): void => {
    if (socket.writableFinished) destroy();
    else socket.once("finish", destroy);
  };
  if (socket.readableEnded) destroyWhenWritten();
  else socket.once("end", destroyWhenWritten);
  socket.resume();
}
