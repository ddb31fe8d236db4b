// @ts-check
/** Control row: `ws` as its manual shows it. */

import { WebSocketServer } from "ws";
import { listen } from "./listen.js";

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls) {
  const { server, port } = await listen(tls);
  const sockets = new WebSocketServer({ server });
  /** @type {Set<import("ws").WebSocket>} */
  const members = new Set();
  sockets.on("connection", (socket, { url }) => {
    if (url === "/group") members.add(socket);
    socket.on("close", () => members.delete(socket));
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return {
    port,
    broadcast(text) {
      for (const socket of members) socket.send(text);
    },
  };
}
