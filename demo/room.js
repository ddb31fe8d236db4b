/** The room: one group of a store, filled by channels of all three kinds, and the people behind them. */

import { encodePosition, MemoryChannelStore } from "channelkit";
import { checkText, Refusal } from "./validate.js";

/**
 * @typedef {import("channelkit").Channel} Channel
 * @typedef {import("channelkit").ChannelKind} ChannelKind
 * @typedef {import("channelkit").Position} Position
 * @typedef {import("./validate.js").Identity} Identity
 * @typedef {Identity & { since: Position | undefined, holdMs: number }} Arrival
 * @typedef {{ code: number, reason: string }} Dismissal
 */

/**
 * Someone in the room. Who polls has no channel between two polls, and is given a moment to come back.
 *
 * @typedef {Identity & {
 *   channels: Set<Channel>, absence: NodeJS.Timeout | undefined, dismissal: Dismissal | undefined
 * }} Person
 */

const group = "room";
const pollGraceMs = 3_000;
/** Under the 30 s after which proxies often close a silent stream; a client that vanished is noticed by it, too. */
const streamTickMs = 15_000;

const streamHeaders = {
  "Content-Type": "application/x-ndjson; charset=utf-8",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};
const pollHeaders = { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" };

export class Room {
  /** @type {Map<string, Person>} */
  #people = new Map();
  /** The history lets a poll, and a client that was away, go on from the position that it has seen. */
  #store = new MemoryChannelStore({
    history: { maxMessages: 200 },
    format: ({ position, recovered, messages }) =>
      this.#record(
        position,
        recovered,
        messages.map(({ value }) => value),
      ),
  });

  /**
   * Takes a channel in. This is the handler that all three kinds share.
   *
   * @param {Channel} channel
   * @param {Arrival} arrival
   */
  enter(channel, { name, kind, since, holdMs }) {
    // The position of before: whoever comes in then sees itself come in, and with that who is there.
    const from = since ?? this.#store.position(group);
    const person = this.#welcome(name, kind);
    person.channels.add(channel);
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    channel.onClose((status, { code }) => {
      clearTimeout(timer);
      this.#part(person, channel, status, code);
    });
    channel.onReceive((message) => this.#receive(person, channel, message));
    if (person.dismissal !== undefined) {
      channel.close(person.dismissal.code, person.dismissal.reason);
      return;
    }
    if (kind === "http-streaming") {
      channel.send({ headers: streamHeaders, body: "\n" }, { close: false });
      timer = setInterval(() => channel.send("\n", { close: false }), streamTickMs);
    }
    this.#store.add(group, channel, undefined, { since: from });
    // A poll that had something to catch up with is answered already.
    if (kind === "long-polling" && channel.isOpen) timer = setTimeout(() => this.#answerEmpty(channel), holdMs);
  }

  /**
   * Text that came up by POST. It must be of someone who is here.
   *
   * @param {Identity} identity
   * @param {unknown} text
   */
  post(identity, text) {
    const person = this.#people.get(keyOf(identity));
    if (person === undefined)
      throw new Refusal(403, "nobody of that name and kind is in the room: open a channel first");
    this.#say(person, text);
  }

  /**
   * Closes every channel in the room.
   *
   * @param {number} code
   * @param {string} reason
   */
  closeAll(code, reason) {
    const members = this.#store.members(group);
    // All of them leave the group first: else the parting of one would be the answer to the poll of another.
    for (const [channel] of members) this.#store.remove(group, channel);
    // Who is between two polls has nothing to close: the next poll is closed instead.
    for (const person of this.#people.values()) if (person.channels.size === 0) person.dismissal = { code, reason };
    for (const [channel] of members) channel.close(code, reason);
  }

  /**
   * @param {string} name
   * @param {ChannelKind} kind
   * @returns {Person}
   */
  #welcome(name, kind) {
    const key = keyOf({ name, kind });
    const known = this.#people.get(key);
    if (known !== undefined) {
      clearTimeout(known.absence);
      return known;
    }
    /** @type {Person} */
    const person = { name, kind, channels: new Set(), absence: undefined, dismissal: undefined };
    this.#people.set(key, person);
    this.#tell({ type: "joined", name, kind });
    return person;
  }

  /**
   * @param {Person} person
   * @param {Channel} channel
   * @param {string} status
   * @param {number} code
   */
  #part(person, channel, status, code) {
    person.channels.delete(channel);
    if (person.channels.size > 0) return;
    const isAnsweredPoll = person.kind === "long-polling" && status === "server-close" && code === 1000;
    if (!isAnsweredPoll) this.#remove(person, status, code);
    else person.absence = setTimeout(() => this.#remove(person, "client-close", 1001), pollGraceMs).unref();
  }

  /**
   * @param {Person} person
   * @param {string} status
   * @param {number} code
   */
  #remove(person, status, code) {
    this.#people.delete(keyOf(person));
    this.#tell({ type: "left", name: person.name, kind: person.kind, status, code });
  }

  /**
   * @param {Person} person
   * @param {Channel} channel
   * @param {import("channelkit").Message} message
   */
  #receive(person, channel, message) {
    try {
      this.#say(person, message);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      channel.send(encode({ error: error.message }));
    }
  }

  /**
   * @param {Person} person
   * @param {unknown} text
   */
  #say(person, text) {
    this.#tell({ type: "message", name: person.name, kind: person.kind, text: checkText(text) });
  }

  /** @param {{ type: "joined" | "left" | "message" } & Record<string, unknown>} event */
  #tell(event) {
    this.#store.broadcast(group, { ...event, at: Date.now() });
  }

  /** @param {Channel} channel */
  #answerEmpty(channel) {
    const position = this.#store.position(group);
    if (position !== undefined) channel.send({ headers: pollHeaders, body: this.#record(position, true, []) });
  }

  /**
   * The one form in which the room speaks: a frame of a WebSocket, a line of a stream, or the answer to a poll.
   *
   * @param {Position} position
   * @param {boolean} recovered
   * @param {unknown[]} events
   */
  #record(position, recovered, events) {
    const people = [...this.#people.values()].map(({ name, kind }) => ({ name, kind }));
    return encode({ position: encodePosition(position), recovered, people, events });
  }
}

/** @param {Identity} identity */
function keyOf({ name, kind }) {
  return `${kind} ${name}`;
}

/** @param {object} record */
function encode(record) {
  return `${JSON.stringify(record)}\n`;
}
