/** What the page and the server of the demonstration say to each other, as JSON, in messages of one channel. */

/**
 * @typedef {"websocket" | "http-streaming" | "long-polling"} Kind
 * @typedef {{ name: string, kind: Kind }} Person
 * @typedef {"blocksWebSocket" | "buffersStreams"} SwitchName
 *
 * The network as it is now; `cutsAgainInMs` says when it may be cut again.
 * @typedef {Record<SwitchName, boolean> & { cutsAgainInMs: number }} NetworkState
 *
 * The page numbers its messages. A pulse has no other purpose.
 * @typedef {{ number: number } & (
 *   | { type: "pulse" }
 *   | { type: "say", text: string }
 *   | { type: "switch", name: SwitchName, isOn: boolean }
 *   | { type: "cut" }
 * )} PageMessage
 *
 * @typedef {(
 *   | { type: "pulse" }
 *   | { type: "said", from: Person, text: string }
 *   | { type: "people", people: Person[] }
 *   | { type: "network", state: NetworkState, by: string | undefined }
 *   | { type: "refused", reason: string }
 * )} RoomEvent
 *
 * What the server has counted of the page's messages.
 * @typedef {{ first: number | undefined, arrived: number, lost: number, doubled: number }} Count
 *
 * The server numbers its messages, too, and says with each what it has got.
 * @typedef {{ number: number, got: Count, event: RoomEvent }} ServerMessage
 */

/**
 * @param {unknown} message
 * @returns {ServerMessage} the page trusts its server
 */
export function readServerMessage(message) {
  if (typeof message !== "string") throw new TypeError("the server of the demonstration sends text only");
  return /** @type {ServerMessage} */ (JSON.parse(message));
}
