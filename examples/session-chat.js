// @ts-check
/**
 * A chat over sessions: whoever loses the network comes back without a gap, all see who is there and who is typing, who
 * joins gets the last messages, and who misbehaves is put out for good.
 *
 *     node examples/session-chat.js
 *     # open http://localhost:9090/?name=ann and http://localhost:9090/?name=bob in a browser
 *     curl -X POST -H 'X-Requested-With: curl' 'localhost:9090/kick?name=bob'
 */
import { readFileSync } from "node:fs";
import { createSessions, MemoryChannelStore, serve } from "channelkit";

/** @typedef {import("channelkit").SessionChannel<string>} Member */

const port = Number(process.env.PORT ?? 9090);
const client = readFileSync(new URL(import.meta.resolve("channelkit/client.min.js")));
const page = readFileSync(new URL("session-chat.html", import.meta.url));
/** @type {MemoryChannelStore<Member>} */
const rooms = new MemoryChannelStore({ history: { maxMessages: 500, maxAgeMs: 86_400_000 } });
/** @type {Set<string>} */
const banned = new Set();

/** @param {Request} request @param {string} field */
function wordOf(request, field) {
  const word = new URL(request.url).searchParams.get(field) ?? "";
  return /^\w{1,20}$/.test(word) ? word : undefined;
}

const sessions = createSessions({
  // Asked at each attach, so that it keeps out who is banned. A real one reads a cookie or a token.
  authorize(request) {
    const name = wordOf(request, "name");
    return name !== undefined && !banned.has(name) && name;
  },
});

/** @param {string} room */
function tellWhoIsThere(room) {
  const there = rooms.members(room).filter(([, member]) => member.isPresent);
  const names = new Set(there.map(([, member]) => member.attachment));
  rooms.broadcast(room, { there: [...names] }, { history: false }); // of now, and nothing to come back to
}

/** @param {Member} channel */
function join(channel) {
  const name = channel.attachment;
  const room = wordOf(channel.request, "room") ?? "lobby";
  rooms.add(room, channel, channel, { last: 50 });
  tellWhoIsThere(room);
  channel.onPresence(() => tellWhoIsThere(room));
  channel.onClose(() => tellWhoIsThere(room));
  channel.onReceive((message) => {
    if (message === "") rooms.broadcast(room, { typing: name }, { history: false });
    else rooms.broadcast(room, { name, text: String(message) });
  });
}

/** @param {Request} request */
function kick(request) {
  const name = request.method === "POST" && wordOf(request, "name");
  // A form on a foreign page cannot set this field.
  if (!name || !request.headers.has("x-requested-with")) return new Response(null, { status: 403 });
  banned.add(name);
  // From 4500 on, a client does not come back.
  sessions.closeUser(name, 4600, "kicked");
  return new Response(`${name} is out\n`);
}

const server = await serve(
  (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/live") return sessions.accept(request, join);
    if (pathname === "/kick") return kick(request);
    if (pathname === "/client.min.js") return new Response(client, { headers: { "Content-Type": "text/javascript" } });
    return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
  },
  { port },
);
console.log(`listening on ${server.url}`);
