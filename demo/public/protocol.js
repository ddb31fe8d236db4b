/** What the room sends, and what the page asks of each of its three ways to reach the room. */

/**
 * @typedef {"websocket" | "http-streaming" | "long-polling"} Kind
 * @typedef {{ name: string, kind: Kind }} Person
 * @typedef {Person & { at: number } & (
 *   { type: "joined" } | { type: "left", status: string, code: number } | { type: "message", text: string }
 * )} RoomEvent
 * @typedef {{ position: string, recovered: boolean, people: Person[], events: RoomEvent[] }} Batch
 * @typedef {Batch | { error: string }} RoomRecord
 */

/**
 * One line of a pane's log. `bytes` are those of the payload, without frames, chunks and header lines.
 *
 * @typedef {{ direction: "up" | "down" | "note" | "end", text: string, bytes?: number }} WireEntry
 */

/**
 * One try to be in the room, as a transport sees it. It calls `opened` once, then `received` for each record, and
 * `closed` once, unless it was told to close.
 *
 * @typedef {object} Attempt
 * @property {Person} me
 * @property {() => string | undefined} position of the last record seen
 * @property {() => void} opened
 * @property {(text: string) => void} received a record as it came
 * @property {(reason: string) => void} closed
 * @property {(entry: WireEntry) => void} wire
 */

/**
 * `send` rejects with an error whose message can be shown.
 *
 * @typedef {{ send: (text: string) => Promise<void>, close: () => void }} Connection
 * @typedef {(attempt: Attempt) => Connection} OpenConnection
 */

/**
 * The address of the room for one attempt: from the position that was seen, if there is one.
 *
 * @param {Attempt} attempt
 * @returns {URL}
 */
export function roomUrl({ me, position }) {
  const url = new URL("/room", location.href);
  url.searchParams.set("kind", me.kind);
  url.searchParams.set("name", me.name);
  const since = position();
  if (since !== undefined) url.searchParams.set("since", since);
  return url;
}

/**
 * @param {string} text
 * @returns {number}
 */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * What a record holds, in a few words.
 *
 * @param {string} text
 * @returns {string}
 */
export function summarize(text) {
  const record = readRecord(text);
  if (record === undefined) return "no record";
  if ("error" in record) return "error";
  if (!record.recovered) return "position unknown";
  const [event] = record.events;
  if (event === undefined) return "nothing new";
  if (record.events.length > 1) return `${record.events.length} events`;
  return event.type;
}

/**
 * @param {string} text
 * @returns {RoomRecord | undefined} undefined for what did not come from the room
 */
export function readRecord(text) {
  try {
    return /** @type {RoomRecord} */ (JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
