// @ts-check
/** SockJS over its transports `websocket`, `xhr-streaming` and `xhr-polling`. A stream is not ended after so many bytes. */

import sockjs from "sockjs";
import { listen } from "./listen.js";

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls) {
  const { server, port } = await listen(tls);
  /** @type {Set<import("sockjs").Connection>} */
  const members = new Set();
  const echo = sockjs.createServer({ log: () => undefined, heartbeat_delay: 3_600_000, response_limit: 2 ** 40 });
  echo.on("connection", (connection) => {
    members.add(connection);
    connection.on("data", (data) => connection.write(data));
    connection.on("close", () => members.delete(connection));
  });
  echo.installHandlers(server, { prefix: "/sockjs" });
  return {
    port,
    broadcast(text) {
      for (const member of members) member.write(text);
    },
  };
}
