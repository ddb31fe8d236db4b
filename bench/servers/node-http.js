// @ts-check
/** Control row: `node:http` without a library. */

import { listen } from "./listen.js";

/**
 * @param {import("./host.js").Tls | undefined} tls
 * @param {string} answer
 * @returns {Promise<import("./host.js").Peer>}
 */
export async function start(tls, answer) {
  const { handle, broadcast } = createHttp(answer);
  const { port } = await listen(tls, handle);
  return { port, broadcast };
}

/** @param {string} answer */
export function createHttp(answer) {
  /** @type {Set<import("node:http").ServerResponse>} */
  const streams = new Set();
  /** @type {import("node:http").ServerResponse[]} */
  let parked = [];
  /** @type {import("node:http").RequestListener} */
  const handle = (request, response) => {
    if (request.url === "/answer") finish(response, answer);
    else if (request.url === "/poll") parked.push(response);
    else {
      response.writeHead(200, { "Content-Type": "text/plain" }).write("begin");
      streams.add(response);
      response.on("close", () => streams.delete(response));
    }
  };
  const broadcast = (/** @type {string} */ text) => {
    for (const response of streams) response.write(text);
    const polls = parked;
    parked = [];
    for (const response of polls) finish(response, text);
  };
  return { handle, broadcast };
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {string} text
 */
function finish(response, text) {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": text.length }).end(text);
}
