import { post, readError } from "./post.js";
import { byteLength, messageOf, roomUrl, summarize } from "./protocol.js";

/**
 * One response that does not end: a line of JSON for each record. What goes up is a POST of its own.
 *
 * @type {import("./protocol.js").OpenConnection}
 */
export function openStream(attempt) {
  const abort = new AbortController();
  void run(attempt, abort.signal);
  return {
    send: (text) => post("/messages", { ...attempt.me, text }, attempt.wire),
    close() {
      attempt.wire({ direction: "end", text: "request aborted" });
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
    const url = roomUrl(attempt);
    attempt.wire({ direction: "up", text: `GET ${url.pathname} · stream` });
    const response = await fetch(url, { cache: "no-store", signal });
    attempt.wire({
      direction: "down",
      text: `${response.status} · ${response.headers.get("content-type")?.split(";", 1)[0] ?? "no type"}`,
    });
    if (response.body === null || !response.ok) {
      attempt.closed(await readError(response));
      return;
    }
    attempt.opened();
    await read(attempt, response.body);
    attempt.wire({ direction: "end", text: "end of the body" });
    attempt.closed("the response ended");
  } catch (error) {
    if (signal.aborted) return;
    attempt.wire({ direction: "end", text: `lost · ${messageOf(error)}` });
    attempt.closed("the connection was lost");
  }
}

/**
 * @param {import("./protocol.js").Attempt} attempt
 * @param {ReadableStream<Uint8Array>} body
 */
async function read(attempt, body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let unfinished = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    // A chunk may hold several lines, and may end within one, even within a character.
    const lines = (unfinished + decoder.decode(value, { stream: true })).split("\n");
    unfinished = lines.pop() ?? "";
    const records = lines.filter((line) => line !== "");
    if (records.length === 0)
      attempt.wire({ direction: "down", text: "chunk · keeps the stream alive", bytes: value.length });
    for (const line of records) {
      attempt.wire({ direction: "down", text: `chunk · ${summarize(line)}`, bytes: byteLength(line) + 1 });
      attempt.received(line);
    }
  }
}
