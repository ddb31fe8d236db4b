// @ts-check
/** Socket.IO over `websocket` and `polling`, with its defaults, but for pings, which would count as load. */

import { Server } from "socket.io";
import { listen } from "./listen.js";

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @param {string} _answer
 * @param {boolean} compress
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls, _answer, compress) {
  const { server, port } = await listen(tls);
  const io = new Server(server, {
    pingInterval: 3_600_000,
    maxHttpBufferSize: 16 * 2 ** 20,
    perMessageDeflate: compress,
  });
  io.on("connection", (socket) => {
    if (socket.handshake.query["path"] === "group") socket.join("group");
    socket.on("m", (data) => socket.emit("m", data));
  });
  return { port, broadcast: (text) => io.to("group").emit("m", text) };
}
