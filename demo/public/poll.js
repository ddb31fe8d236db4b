import { post, readError } from "./post.js";
import { byteLength, messageOf, roomUrl, summarize } from "./protocol.js";

/**
 * One request after the other: each stays unanswered until there is something to say. The position in it makes sure that
 * nothing is lost between two of them.
 *
 * @type {import("./protocol.js").OpenConnection}
 */
export function openPolls(attempt) {
  const abort = new AbortController();
  void run(attempt, abort.signal);
  return {
    send: (text) => post("/messages", { ...attempt.me, text }, attempt.wire),
    close() {
      attempt.wire({ direction: "end", text: "poll aborted" });
      abort.abort();
    },
  };
}

/**
 * @param {import("./protocol.js").Attempt} attempt
 * @param {AbortSignal} signal
 */
async function run(attempt, signal) {
  try {
    for (let number = 1; !signal.aborted; number += 1) {
      const reason = await poll(attempt, number, signal);
      if (reason !== undefined) {
        attempt.closed(reason);
        return;
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    attempt.wire({ direction: "end", text: `lost · ${messageOf(error)}` });
    attempt.closed("the connection was lost");
  }
}

/**
 * @param {import("./protocol.js").Attempt} attempt
 * @param {number} number
 * @param {AbortSignal} signal
 * @returns {Promise<string | undefined>} why there is no next poll
 */
async function poll(attempt, number, signal) {
  const startedAt = performance.now();
  const offset = attempt.position()?.split("-")[1];
  attempt.wire({ direction: "up", text: `poll ${number}${offset === undefined ? "" : ` · since ${offset}`}` });
  const response = await fetch(roomUrl(attempt), { cache: "no-store", signal });
  const text = await response.text();
  const held = `after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if (response.status === 204) {
    attempt.wire({ direction: "end", text: `204 · no content, ${held}` });
    return "the poll was answered 204";
  }
  if (!response.ok) {
    attempt.wire({ direction: "end", text: `${response.status} · ${held}` });
    return readError(new Response(text, response));
  }
  attempt.wire({ direction: "down", text: `${response.status} ${held} · ${summarize(text)}`, bytes: byteLength(text) });
  if (number === 1) attempt.opened();
  attempt.received(text);
  return undefined;
}
