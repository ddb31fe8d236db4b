// @ts-check
/** Control row: `ws` on `node:http` as its manual shows it. */

import { WebSocketServer } from "ws";
import { listen } from "./listen.js";
import { createHttp } from "./node-http.js";

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @param {string} answer
 * @param {boolean} compress
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls, answer, compress) {
  const http = createHttp(answer);
  const { server, port } = await listen(tls, http.handle);
  const sockets = new WebSocketServer({ server, perMessageDeflate: compress });
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
      http.broadcast(text);
    },
  };
}
