// @ts-check
/** Both rows: they push a message as soon as a client is there, and one after the other behind it. */

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server } from "socket.io";
import { root } from "../../scripts/tools.mjs";
import { pushIntervalMs } from "./networks.js";

const { createSessions, serve } = /** @type {typeof import("../../dist/index.js")} */ (
  await import(join(root, "dist", "index.js"))
);

/** What a page needs of a row: its client as it is published, and how it is dialled. */
const page = (/** @type {string} */ script) =>
  `<!doctype html><meta charset="utf-8"><title>hostile</title><link rel="icon" href="data:,"><script type="module">
${script}
</script>`;

const pages = {
  channelkit: page(`import { connect } from "/client.js";
globalThis.dial = (received) => {
  const channel = connect("/live");
  channel.onReceive(received);
  return () => channel.kind;
};`),
  "socket.io": page(`import { io } from "/client.js";
globalThis.dial = (received) => {
  const socket = io({ forceNew: true });
  socket.on("push", received);
  return () => socket.io.engine?.transport?.name ?? "none";
};`),
};

const clients = {
  channelkit: join(root, "dist", "client.min.js"),
  "socket.io": join(root, "bench", "node_modules", "socket.io", "client-dist", "socket.io.esm.min.js"),
};

/** @typedef {{ readonly port: number, stop(): Promise<unknown> }} Running */

/** @type {Readonly<Record<"channelkit" | "socket.io", () => Promise<Running>>>} */
export const servers = {
  async channelkit() {
    const sessions = createSessions();
    const client = readFileSync(clients.channelkit);
    const server = await serve(
      (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/client.js") return new Response(client, { headers: { "content-type": "text/javascript" } });
        if (pathname === "/") return new Response(pages.channelkit, { headers: { "content-type": "text/html" } });
        return sessions.accept(request, (channel) => {
          const stop = push(() => channel.send("push"));
          channel.onClose(stop);
        });
      },
      { port: 0 },
    );
    return { port: server.port, stop: () => server.stop({ timeoutMs: 0 }) };
  },

  async "socket.io"() {
    const client = readFileSync(clients["socket.io"]);
    const server = createServer((request, response) => {
      const isClient = request.url === "/client.js";
      response.setHeader("content-type", isClient ? "text/javascript" : "text/html");
      response.end(isClient ? client : pages["socket.io"]);
    });
    const io = new Server(server);
    io.on("connection", (socket) => {
      const stop = push(() => socket.emit("push", "push"));
      socket.on("disconnect", stop);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { port, stop: () => io.close() };
  },
};

/** @param {() => unknown} send @returns {() => void} stops */
function push(send) {
  send();
  const timer = setInterval(send, pushIntervalMs);
  return () => clearInterval(timer);
}
