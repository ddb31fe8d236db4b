/** Who is here, and what they say to each other, each over a session of their own. */

import { MemoryChannelStore } from "channelkit";
import { Tally } from "./public/tally.js";
import { readPageMessage, Refusal } from "./validate.js";

/**
 * @typedef {import("channelkit").SessionChannel} SessionChannel
 * @typedef {import("./public/protocol.js").Person} Person
 * @typedef {import("./public/protocol.js").RoomEvent} RoomEvent
 */

const group = "room";

export class Room {
  /** @type {MemoryChannelStore<Visitor>} */
  #store = new MemoryChannelStore();
  #network;

  /** @param {import("./network.js").Network} network which is one for all */
  constructor(network) {
    this.#network = network;
  }

  /**
   * @param {SessionChannel} channel
   * @param {string} name
   */
  enter(channel, name) {
    const visitor = new Visitor(channel, name);
    this.#store.add(group, channel, visitor);
    channel.onReceive((message) => this.#receive(visitor, message));
    channel.onClose(() => this.#left(channel));
    visitor.tell(this.#networkEvent(undefined));
    this.#tellPeople();
  }

  /**
   * @param {Visitor} visitor
   * @param {import("channelkit").Message} message
   */
  #receive(visitor, message) {
    try {
      const given = readPageMessage(message);
      visitor.got.take(given.number);
      this.#take(visitor, given);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      visitor.tell({ type: "refused", reason: error.message });
    }
  }

  /**
   * @param {Visitor} visitor
   * @param {import("./public/protocol.js").PageMessage} message
   */
  #take(visitor, message) {
    if (visitor.hasMoved()) this.#tellPeople();
    if (message.type === "pulse") visitor.tell({ type: "pulse" });
    else if (message.type === "say") this.#tell({ type: "said", from: visitor.person, text: message.text });
    else {
      if (message.type === "switch") this.#network.change(message.name, message.isOn);
      else if (!this.#network.cut())
        throw new Refusal(409, "the network was cut a moment ago: let all come back first");
      this.#tell(this.#networkEvent(visitor.person.name));
    }
  }

  /** @param {SessionChannel} channel */
  #left(channel) {
    this.#store.remove(group, channel);
    if (this.#store.size(group) === 0) this.#network.restore();
    else this.#tellPeople();
  }

  #tellPeople() {
    const people = [...this.#store.members(group)].map(([, { person }]) => person);
    this.#tell({ type: "people", people });
  }

  /**
   * @param {string | undefined} by who has changed it
   * @returns {RoomEvent}
   */
  #networkEvent(by) {
    return { type: "network", state: this.#network.state, by };
  }

  /** @param {RoomEvent} event */
  #tell(event) {
    this.#store.broadcast(group, (_channel, visitor) => visitor.envelope(event));
  }
}

/** A page. Its session outlives its connections, and so do these counts. */
class Visitor {
  got = new Tally();
  #channel;
  #name;
  #number = 0;
  #kind;

  /**
   * @param {SessionChannel} channel
   * @param {string} name
   */
  constructor(channel, name) {
    this.#channel = channel;
    this.#name = name;
    this.#kind = channel.kind;
  }

  /** @returns {Person} */
  get person() {
    return { name: this.#name, kind: this.#kind };
  }

  /** Whether another transport carries the session than when this was asked last. */
  hasMoved() {
    const before = this.#kind;
    this.#kind = this.#channel.kind;
    return before !== this.#kind;
  }

  /** @param {RoomEvent} event */
  tell(event) {
    this.#channel.send(this.envelope(event));
  }

  /**
   * The next message to this page.
   *
   * @param {RoomEvent} event
   * @returns {string}
   */
  envelope(event) {
    this.#number += 1;
    const { first, arrived, lost, doubled } = this.got;
    /** @type {import("./public/protocol.js").ServerMessage} */
    const message = { number: this.#number, got: { first, arrived, lost, doubled }, event };
    return JSON.stringify(message);
  }
}
