/** What the demonstration answers to which request: a session, or a file of the page. */

import { checkName, Refusal } from "./validate.js";

/**
 * @param {import("./room.js").Room} room
 * @param {import("channelkit").Sessions} sessions
 * @param {(path: string) => Response | undefined} files
 * @returns {(request: Request) => Response | Promise<Response>}
 */
export function createHandler(room, sessions, files) {
  return (request) => {
    try {
      const { pathname, searchParams } = addressOf(request);
      if (pathname === "/live") {
        const name = checkName(searchParams.get("name"));
        return sessions.accept(request, (channel) => room.enter(channel, name));
      }
      if (request.method !== "GET" && request.method !== "HEAD") throw new Refusal(405, `${pathname} takes GET only`);
      const file = files(pathname);
      if (file === undefined) throw new Refusal(404, `there is nothing at ${pathname}`);
      return file;
    } catch (error) {
      if (error instanceof Refusal) return refuse(error);
      throw error;
    }
  };
}

/** @param {Request} request */
function addressOf({ url }) {
  if (!URL.canParse(url)) throw new Refusal(400, "the request target is no path");
  return new URL(url);
}

/** @param {Refusal} refusal */
function refuse({ status, message }) {
  const headers = { "Cache-Control": "no-store", ...(status === 405 && { Allow: "GET" }) };
  return Response.json({ error: message }, { status, headers });
}
