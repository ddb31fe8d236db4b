import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** Node gives each socket of a server its server. */
type ServerSocket = Socket & { readonly server?: Server };

/**
 * Serves a request that asks for another upgrade than WebSocket as the plain request that it also is (RFC 9110 §7.8).
 *
 * Node takes every upgrade out of its HTTP stream as soon as there is a listener for one; some clients offer `h2c` with
 * every request. So the request is put back in front of the socket without its Upgrade field and the socket handed to
 * the server once more. Node 24 can be asked before; the versions supported here cannot.
 */
export function serveWithoutUpgrade(message: IncomingMessage, socket: ServerSocket, rest: Buffer): void {
  const { server } = socket;
  if (server === undefined) {
    socket.destroy();
    return;
  }
  let head = `${message.method} ${message.url} HTTP/${message.httpVersion}\r\n`;
  for (let index = 0; index < message.rawHeaders.length; index += 2) {
    const name = message.rawHeaders[index] ?? "";
    let value = message.rawHeaders[index + 1] ?? "";
    if (name.toLowerCase() === "upgrade") continue;
    if (name.toLowerCase() === "connection") value = withoutUpgradeToken(value);
    head += `${name}: ${value}\r\n`;
  }
  socket.pause();
  socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, "latin1"), rest]));
  // As Node itself leaves a socket that it gives away: neither flowing nor paused, so that the next reader starts it.
  Object.assign(socket, { readableFlowing: null });
  server.emit("encrypted" in socket ? "secureConnection" : "connection", socket);
}

function withoutUpgradeToken(value: string): string {
  const tokens = value.split(",").map((token) => token.trim());
  return tokens.filter((token) => !/^(?:upgrade|http2-settings)$/i.test(token)).join(", ");
}
