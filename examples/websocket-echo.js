// @ts-check
/**
 * WebSocket: every message comes back as it is, text as text and bytes as bytes.
 *
 *     node examples/websocket-echo.js
 *     open http://localhost:9090 in a browser, or: npx wscat -c ws://localhost:9090/echo
 *
 * Upgrades come to the same handler as all other requests. A page of another origin is refused: see `allowedOrigins`.
 */
import { serve, withChannel } from "channelkit";

const port = Number(process.env.PORT ?? 9090);

const page = `<!doctype html>
<title>Echo</title>
<form><input name="text" autofocus autocomplete="off"> <button>Send</button></form>
<ul></ul>
<script>
  const socket = new WebSocket(location.href.replace("http", "ws") + "echo");
  const show = (text) => document.querySelector("ul").append(
    Object.assign(document.createElement("li"), { textContent: text }));
  socket.onopen = () => show("open");
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = ({ code, reason }) => show("closed: " + code + " " + reason);
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    socket.send(event.target.text.value);
    event.target.reset();
  };
</script>
`;

/** @param {Request} request */
function echo(request) {
  return withChannel(request, (channel) => {
    if (!channel.isWebSocket) {
      channel.send({ status: 426, headers: { Upgrade: "websocket" }, body: "this address speaks WebSocket\n" });
      return;
    }
    channel.onReceive((message) => channel.send(message));
    channel.onClose((status, { code, reason }) => console.log(`${channel.id}: ${status} ${code} ${reason}`));
  });
}

const server = await serve(
  (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/echo") return echo(request);
    if (pathname === "/") return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
    return new Response("not found\n", { status: 404 });
  },
  { port },
);
console.log(`listening on ${server.url}`);
