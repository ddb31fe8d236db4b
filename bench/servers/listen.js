// @ts-check
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";

/**
 * A server of Node on any free port, for the peers that stand on one.
 *
 * @param {import("./host.js").Tls | undefined} tls
 * @param {import("node:http").RequestListener} [handler]
 */
export async function listen(tls, handler) {
  const server = tls === undefined ? createServer(handler) : createTlsServer(tls, handler);
  server.keepAliveTimeout = 0;
  await new Promise((resolve) => server.listen(0, "0.0.0.0", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { server, port };
}
