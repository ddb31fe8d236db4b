// @ts-check
/**
 * Sessions of users who prove who they are by a signed token that ends soon. The client asks for a new one whenever it
 * attaches, and no message is lost when one has ended. The server refuses for good, or for now, as the case may be.
 *
 *     node examples/session-token.js
 *     TOKEN_MS=2000 node examples/session-token.js                 # to see tokens end
 *     node examples/session-token.js http://127.0.0.1:9090 ada     # a client, in another terminal
 *     curl -X POST -H 'X-Requested-With: curl' localhost:9090/outage    # again: ends it
 *     curl -X POST -H 'X-Requested-With: curl' 'localhost:9090/ban?user=ada'
 *     # in a browser the client is the same, without `WebSocket`: pages have one
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createSessions, serve } from "channelkit";
import { connect } from "channelkit/client";
import { WebSocket } from "ws"; // npm install ws: Node 20 has none of its own

/** @typedef {{ id: string, endMs: number }} User */

const port = Number(process.env.PORT ?? 9090);
const tokenMs = Number(process.env.TOKEN_MS ?? 60_000);
/** In the configuration of a real server: a new one makes all tokens void. */
const secret = process.env.TOKEN_SECRET ?? randomBytes(32);
const [, , url, name = "ada"] = process.argv;
/** @type {Set<string>} */
const banned = new Set();
let isDatabaseDown = false;

/** @param {string} text */
const signatureOf = (text) => createHmac("sha256", secret).update(text).digest();

/** @param {User} user */
function sign(user) {
  const text = Buffer.from(JSON.stringify(user)).toString("base64url");
  return `${text}.${signatureOf(text).toString("base64url")}`;
}

/**
 * @param {string | null} field
 * @returns {User | undefined} whom this server has signed a token for, however long ago: `expiresAtMs` tells its end
 */
function verify(field) {
  const [, text = "", signature = ""] = /^Bearer ([\w-]+)\.([\w-]+)$/.exec(field ?? "") ?? [];
  const given = Buffer.from(signature, "base64url");
  const right = signatureOf(text);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  return /** @type {User} */ (JSON.parse(Buffer.from(text, "base64url").toString()));
}

/** Stands for a database. @param {string} id */
async function isBanned(id) {
  if (isDatabaseDown) throw new Error("the database is down");
  return banned.has(id);
}

const sessions = createSessions({
  async authorize(request) {
    const user = verify(request.headers.get("authorization"));
    // Nothing refuses for good: 4501, after which a client does not come back.
    if (user === undefined) return undefined;
    // What throws refuses for now: 4006, and the client tries again.
    return (await isBanned(user.id)) ? undefined : user;
  },
  // Some time before, the client is asked for its next token. Who has none by then is cut with 4010, and comes back with one.
  expiresAtMs: (user) => user.endMs,
  onError: (error) => console.log(error.message, error.cause),
});

/** @param {string | null} id */
function logIn(id) {
  // A real one asks for a password, or looks at a cookie.
  if (id === null || !/^\w{1,20}$/.test(id) || banned.has(id)) return new Response(null, { status: 403 });
  console.log(`a token for ${id}`);
  return new Response(sign({ id, endMs: Date.now() + tokenMs }));
}

/** @param {string | null} id */
function ban(id) {
  if (id === null) return new Response(null, { status: 404 });
  banned.add(id); // first, since a client may open a new session
  sessions.closeUser(id, 4600, "banned"); // does not wait for the end of the token
  return new Response("banned\n");
}

/** @param {Request} request */
function answer(request) {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/live")
    return sessions.accept(request, (channel) => channel.onReceive((text) => channel.send(text)));
  // A form on a foreign page cannot set this field.
  if (request.method !== "POST" || !request.headers.has("x-requested-with")) return new Response(null, { status: 403 });
  if (pathname === "/login") return logIn(searchParams.get("user"));
  if (pathname === "/ban") return ban(searchParams.get("user"));
  if (pathname !== "/outage") return new Response(null, { status: 404 });
  isDatabaseDown = !isDatabaseDown;
  return new Response(isDatabaseDown ? "down\n" : "up\n");
}

/** @param {string} address */
function talk(address) {
  const channel = connect(`${address}/live`, {
    WebSocket,
    // Asked at each attach. What throws, as `fetch` does without a network, is tried again; undefined is no token.
    async token() {
      const response = await fetch(`${address}/login?user=${name}`, {
        method: "POST",
        headers: { "X-Requested-With": "fetch" },
      });
      return response.ok ? response.text() : undefined;
    },
  });
  let count = 0;
  const timer = setInterval(() => channel.send(`message ${++count}`), 100);
  channel.onReceive((message) => console.log(message));
  channel.onStatus((status) => status.state === "waiting" && console.log(`waiting after ${status.cause}`));
  channel.onClose((_status, { code, reason }) => {
    clearInterval(timer);
    console.log(`closed with ${code} ${reason}`);
  });
}

if (url === undefined) console.log(`listening on ${(await serve(answer, { port })).url}`);
else talk(url);
