// @ts-check
/**
 * Long polling: a request waits until there is news, or for 20 s, which is less than proxies wait before they cut it.
 *
 *     node examples/long-poll.js
 *     curl -i localhost:9090/news                                        # waits
 *     curl -H 'x-requested-with: curl' -d 'hello' localhost:9090/publish  # in another terminal
 *
 * A client misses the news that come while it is between two polls. In channel-store.js it misses nothing.
 */
import { MemoryChannelStore, serve, withChannel } from "channelkit";

const port = Number(process.env.PORT ?? 9090);
const holdMs = Number(process.env.HOLD_MS ?? 20_000);
const waiting = new MemoryChannelStore();

/** @param {Request} request */
function poll(request) {
  return withChannel(request, (channel) => {
    // Whichever comes first answers; the other finds the channel closed and does nothing.
    const timer = setTimeout(() => channel.send({ status: 204 }), holdMs);
    channel.onClose((status) => {
      clearTimeout(timer);
      console.log(`${channel.id}: ${status}`);
    });
    waiting.add("news", channel);
  });
}

/** @param {Request} request */
async function publish(request) {
  // A form on a foreign page cannot set this field: nobody publishes here without meaning to.
  if (!request.headers.has("x-requested-with")) return new Response("X-Requested-With is missing\n", { status: 403 });
  const count = waiting.broadcast("news", await request.text());
  return new Response(`answered ${count}\n`, { status: 202 });
}

const server = await serve(
  (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/news" && request.method === "GET") return poll(request);
    if (pathname === "/publish" && request.method === "POST") return publish(request);
    return new Response("GET /news or POST /publish\n", { status: 404 });
  },
  { port },
);
console.log(`listening on ${server.url}`);
