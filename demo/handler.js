/** What the demonstration answers to which request. */

import { decodePosition, withChannel } from "channelkit";
import { checkHold, checkKind, checkName, readJson, Refusal } from "./validate.js";

/** @typedef {(request: Request, url: URL) => Response | Promise<Response>} Route */

/** The code with which the room closes when the button is pressed. 4000 to 4999 are free for applications. */
const closedByButton = { code: 4000, reason: "the close button" };

/**
 * @param {import("./room.js").Room} room
 * @param {(path: string) => Response | undefined} files
 * @returns {(request: Request) => Promise<Response>}
 */
export function createHandler(room, files) {
  /** @type {Map<string, { method: string, answer: Route }>} */
  const routes = new Map([
    ["/room", { method: "GET", answer: (request, url) => enter(room, request, url) }],
    ["/messages", { method: "POST", answer: (request) => post(room, request) }],
    ["/close", { method: "POST", answer: (request) => close(room, request) }],
  ]);

  return async (request) => {
    if (!URL.canParse(request.url)) return refuse(new Refusal(400, "the request target is no path"));
    const url = new URL(request.url);
    const route = routes.get(url.pathname);
    const method = route?.method ?? "GET";
    try {
      if (request.method !== method && (route !== undefined || request.method !== "HEAD")) {
        return refuse(new Refusal(405, `${url.pathname} takes ${method} only`), { Allow: method });
      }
      if (route !== undefined) return await route.answer(request, url);
      return files(url.pathname) ?? refuse(new Refusal(404, `there is nothing at ${url.pathname}`));
    } catch (error) {
      if (error instanceof Refusal) return refuse(error);
      throw error;
    }
  };
}

/**
 * A WebSocket, a stream or a poll: which of them it is says the upgrade, or else the parameter `kind`.
 *
 * @param {import("./room.js").Room} room
 * @param {Request} request
 * @param {URL} url
 */
function enter(room, request, { searchParams }) {
  const name = checkName(searchParams.get("name"));
  const isUpgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  const kind = checkKind(searchParams.get("kind") ?? (isUpgrade ? "websocket" : "long-polling"));
  if (isUpgrade !== (kind === "websocket")) {
    throw new Refusal(400, isUpgrade ? "an upgrade has the kind websocket" : "the kind websocket takes an upgrade");
  }
  const holdMs = checkHold(searchParams.get("wait"));
  const position = searchParams.get("since");
  const since = decodePosition(position);
  if (position !== null && since === undefined) throw new Refusal(400, "since must be the position of a record");
  return withChannel(request, (channel) => room.enter(channel, { name, kind, since, holdMs }));
}

/**
 * @param {import("./room.js").Room} room
 * @param {Request} request
 */
async function post(room, request) {
  const { name, kind, text } = await readJson(request);
  room.post({ name: checkName(name), kind: checkKind(kind) }, text);
  return new Response(null, { status: 204 });
}

/**
 * @param {import("./room.js").Room} room
 * @param {Request} request
 */
async function close(room, request) {
  await readJson(request);
  room.closeAll(closedByButton.code, closedByButton.reason);
  return new Response(null, { status: 204 });
}

/**
 * @param {Refusal} refusal
 * @param {Record<string, string>} [headers]
 */
function refuse({ status, message }, headers = {}) {
  return Response.json({ error: message }, { status, headers: { "Cache-Control": "no-store", ...headers } });
}
