// @ts-check
/**
 * Channels beside the routes of an Express application that exists already, on the same port.
 *
 *     node examples/express.js
 *     curl localhost:9090/hello                       # Express
 *     curl localhost:9090/live                        # a poll, which waits
 *     npx wscat -c ws://localhost:9090/live           # what is sent here goes to all, also to the poll
 */
import { createServer } from "node:http";
import { createListeners, MemoryChannelStore, withChannel } from "channelkit";
import express from "express";

const port = Number(process.env.PORT ?? 9090);
const live = new MemoryChannelStore();

const listeners = createListeners((request) =>
  withChannel(request, (channel) => {
    live.add("all", channel);
    channel.onReceive((message) => live.broadcast("all", message));
  }),
);

const app = express();
app.disable("x-powered-by");
// Before anything that reads bodies: a body can be read once only.
app.use("/live", listeners.request);
app.use(express.json());
app.get("/hello", (_request, response) => {
  response.send(`hello from Express, ${live.size("all")} live\n`);
});

const server = createServer(app);
// Express does not see upgrades. One that is for nobody has to be ended here, or its client waits for ever.
server.on("upgrade", (request, socket, head) => {
  const [path] = (request.url ?? "/").split("?");
  if (path === "/live") listeners.upgrade(request, socket, head);
  else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
});
server.listen(port, "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : port}`);
});

process.once("SIGTERM", () => {
  server.close();
  // Channels get their last words: Close 1001, or 503 and Retry-After.
  void listeners.stop({ timeoutMs: 2000 }).then(() => server.closeAllConnections());
});
