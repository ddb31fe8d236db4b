import { byteLength, messageOf } from "./protocol.js";

const timeoutMs = 10_000;

/**
 * Sends JSON up, which is the way for everything that is no WebSocket.
 *
 * @param {string} path
 * @param {object} value
 * @param {(entry: import("./protocol.js").WireEntry) => void} wire
 * @returns {Promise<void>} rejects with what the server has against it
 */
export async function post(path, value, wire) {
  const body = JSON.stringify(value);
  const startedAt = performance.now();
  wire({ direction: "up", text: `POST ${path}`, bytes: byteLength(body) });
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(path, { method: "POST", headers, body, signal: AbortSignal.timeout(timeoutMs) });
    wire({ direction: "down", text: `${response.status} · after ${Math.round(performance.now() - startedAt)} ms` });
    if (!response.ok) throw new Error(await readError(response));
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    wire({ direction: "end", text: `POST failed · ${messageOf(error)}` });
    throw new Error(explain(error), { cause: error });
  }
}

/** @param {Error} error */
function explain(error) {
  if (error.name !== "TimeoutError") return "the server cannot be reached";
  // Each tab holds two of them for its stream and its poll, and the third tab has none left for this.
  return "no answer; a browser has six connections to a server, for all tabs together";
}

/**
 * @param {Response} response
 * @returns {Promise<string>}
 */
export async function readError(response) {
  const body = await response.text();
  try {
    const { error } = /** @type {{ error?: unknown }} */ (JSON.parse(body));
    if (typeof error === "string") return error;
  } catch {
    // An answer of somebody else, such as a proxy: its status has to do.
  }
  return `status ${response.status}`;
}
