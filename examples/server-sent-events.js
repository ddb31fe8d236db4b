// @ts-check
/**
 * A feed of server-sent events that readers resume where they were cut: `EventSource` does so by itself.
 *
 *     node examples/server-sent-events.js
 *     curl -N localhost:9090/events                          # or open http://localhost:9090 in a browser
 *     curl -H 'x-requested-with: curl' --data-binary $'two\nlines' localhost:9090/publish
 *     curl -N -H 'Last-Event-ID: <an id>' localhost:9090/events
 */
import {
  decodePosition,
  encodeEvent,
  encodePosition,
  eventStreamComment,
  eventStreamHeaders,
  MemoryChannelStore,
  serve,
  withChannel,
} from "channelkit";

const port = Number(process.env.PORT ?? 9090);
const heartbeatMs = Number(process.env.HEARTBEAT_MS ?? 15_000);

const feed = new MemoryChannelStore({
  history: true,
  // One event for each message, whose id is its position. A reader that is too late gets one event that says so.
  format: ({ recovered, position, messages }) =>
    recovered
      ? messages
          .map((message) => encodeEvent({ id: encodePosition(message.position), data: String(message.value) }))
          .join("")
      : encodeEvent({ event: "gap", id: encodePosition(position), data: "some events are not kept any more" }),
});

// A line that readers skip, so that no proxy takes a silent feed for a dead one.
setInterval(() => {
  for (const [channel] of feed.members("news")) channel.send(eventStreamComment, { close: false });
}, heartbeatMs).unref();

/** @param {Request} request */
function events(request) {
  const lastEventId = request.headers.get("last-event-id");
  // An id that is none of ours: the reader is told that there is a gap.
  const since = lastEventId === null ? undefined : (decodePosition(lastEventId) ?? { epoch: "", offset: 0 });
  const position = feed.position("news");
  return withChannel(request, (channel) => {
    // A new reader is given an id at once: it may be cut before the first event.
    const id = since === undefined && position !== undefined ? { id: encodePosition(position) } : {};
    const body = encodeEvent({ event: "ready", data: "", retryMs: 1000, ...id });
    channel.send({ headers: eventStreamHeaders, body }, { close: false });
    feed.add("news", channel, undefined, { since });
  });
}

/** @param {Request} request */
async function publish(request) {
  // A form on a foreign page cannot set this field: nobody publishes here without meaning to.
  if (!request.headers.has("x-requested-with")) return new Response("X-Requested-With is missing\n", { status: 403 });
  feed.broadcast("news", await request.text());
  return new Response(null, { status: 202 });
}

const page = `<!doctype html><title>Feed</title><ul></ul><script>
  const show = ({ type, data }) => document.querySelector("ul").append(
    Object.assign(document.createElement("li"), { textContent: type + ": " + data, style: "white-space: pre" }));
  const source = new EventSource("/events");
  for (const type of ["ready", "message", "gap"]) source.addEventListener(type, show);
</script>`;

const server = await serve(
  (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/events") return events(request);
    if (pathname === "/publish" && request.method === "POST") return publish(request);
    return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
  },
  { port },
);
console.log(`listening on ${server.url}`);
