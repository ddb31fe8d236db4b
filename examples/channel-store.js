// @ts-check
/**
 * A chat over long polls and WebSockets in one group, in which nothing is lost: each answer tells a position, and the
 * next poll, or a WebSocket that comes back, says how far it got.
 *
 *     node examples/channel-store.js
 *     curl 'localhost:9090/poll'                              # {"epoch":E,"offset":N,...}: where the chat is now
 *     curl 'localhost:9090/poll?since=E-N'                    # waits for what comes after it
 *     curl --json '{"name":"ann","text":"hi"}' localhost:9090/say
 *     npx wscat -c 'ws://localhost:9090/chat?since=E-N'       # send {"name":"bob","text":"hello"}
 */
import { decodePosition, MemoryChannelStore, serve, withChannel } from "channelkit";

const port = Number(process.env.PORT ?? 9090);
const holdMs = Number(process.env.HOLD_MS ?? 20_000);
const rooms = new MemoryChannelStore({ history: { maxMessages: 500, maxAgeMs: 600_000 } });
const room = "lobby";

/**
 * What a client has seen. A word that is no position becomes one that nobody ever had, so that the client is told
 * `recovered: false` and where to begin anew.
 *
 * @param {URL} url
 */
function joinOptions({ searchParams }) {
  const word = searchParams.get("since");
  return word === null ? {} : { since: decodePosition(word) ?? { epoch: "", offset: 0 } };
}

/** @param {string} text @returns {boolean} false when it is no `{ name, text }` */
function say(text) {
  try {
    const message = /** @type {{ name?: unknown, text?: unknown }} */ (JSON.parse(text));
    if (typeof message.name !== "string" || typeof message.text !== "string") return false;
    rooms.broadcast(room, { name: message.name, text: message.text });
    return true;
  } catch {
    return false;
  }
}

/** @param {Request} request @param {URL} url */
function poll(request, url) {
  const options = joinOptions(url);
  // Without a position there is nothing to wait for: what comes before the next poll would be lost.
  if (options.since === undefined) return Response.json({ ...rooms.position(room), recovered: true, messages: [] });
  return withChannel(request, (channel) => {
    const timer = setTimeout(() => channel.close(), holdMs); // 204: nothing new, poll again with the same position
    channel.onClose(() => clearTimeout(timer));
    rooms.add(room, channel, undefined, options);
  });
}

/** @param {Request} request @param {URL} url */
function chat(request, url) {
  return withChannel(request, (channel) => {
    if (!channel.isWebSocket) return channel.send({ status: 426, headers: { Upgrade: "websocket" } });
    channel.onReceive((message) => say(String(message)) || channel.close(1007, "send { name, text }"));
    return rooms.add(room, channel, undefined, joinOptions(url));
  });
}

const server = await serve(
  async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/poll") return poll(request, url);
    if (url.pathname === "/chat") return chat(request, url);
    if (url.pathname !== "/say" || request.method !== "POST") return new Response("not found\n", { status: 404 });
    // A form on a foreign page cannot send this type: nobody speaks here without meaning to.
    if (request.headers.get("content-type") !== "application/json") return new Response(null, { status: 415 });
    return new Response(null, { status: say(await request.text()) ? 202 : 400 });
  },
  { port },
);
console.log(`listening on ${server.url}`);
