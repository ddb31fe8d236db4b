import { readRecord } from "./protocol.js";

/** The longest pause before the first try, which doubles with each that fails, and before any. */
const firstPauseMs = 2_000;
const longestPauseMs = 20_000;

/**
 * @typedef {import("./protocol.js").Batch} Batch
 * @typedef {(
 *   { name: "connecting" } | { name: "open" } | { name: "waiting", reason: string, untilMs: number } | { name: "closed" }
 * )} State
 * @typedef {object} Listener
 * @property {(state: State) => void} changed
 * @property {(batch: Batch) => void} received
 * @property {(error: string) => void} refused
 * @property {(entry: import("./protocol.js").WireEntry) => void} wire
 */

/** One member of the room: comes back when its connection closes, and goes on from the position that it has seen. */
export class RoomClient {
  #me;
  #open;
  #listener;
  /** @type {import("./protocol.js").Connection | undefined} */
  #connection;
  /** @type {string | undefined} */
  #position;
  #failures = 0;
  /** Counts up with each try: what an older one still has to say about its end is of no interest. */
  #current = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("./protocol.js").Person} me
   * @param {import("./protocol.js").OpenConnection} open
   * @param {Listener} listener
   */
  constructor(me, open, listener) {
    this.#me = me;
    this.#open = open;
    this.#listener = listener;
  }

  connect() {
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#current += 1;
    const number = this.#current;
    const isCurrent = () => number === this.#current;
    this.#listener.changed({ name: "connecting" });
    this.#connection = this.#open({
      me: this.#me,
      position: () => this.#position,
      opened: () => isCurrent() && this.#listener.changed({ name: "open" }),
      received: (text) => isCurrent() && this.#receive(text),
      closed: (reason) => isCurrent() && this.#comeBackLater(reason),
      wire: (entry) => this.#listener.wire(entry),
    });
  }

  disconnect() {
    clearTimeout(this.#timer);
    this.#current += 1;
    this.#connection?.close();
    this.#connection = undefined;
    this.#failures = 0;
    this.#listener.changed({ name: "closed" });
  }

  /**
   * @param {string} text
   * @returns {Promise<void>} rejects with an error whose message can be shown
   */
  async send(text) {
    if (this.#connection === undefined) throw new Error("not connected");
    await this.#connection.send(text);
  }

  /** @param {string} text */
  #receive(text) {
    const record = readRecord(text);
    if (record === undefined) return;
    if ("error" in record) {
      this.#listener.refused(record.error);
      return;
    }
    this.#failures = 0;
    this.#position = record.position;
    this.#listener.received(record);
  }

  /** @param {string} reason */
  #comeBackLater(reason) {
    this.#connection = undefined;
    const longestMs = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs);
    this.#failures += 1;
    // Half of the pause is chance: clients that were closed together do not come back together.
    const pauseMs = longestMs / 2 + (Math.random() * longestMs) / 2;
    this.#timer = setTimeout(() => this.connect(), pauseMs);
    this.#listener.changed({ name: "waiting", reason, untilMs: performance.now() + pauseMs });
  }
}
