import { RoomClient } from "./client.js";
import { Feed, named } from "./feed.js";
import { WireLog } from "./log.js";
import { messageOf } from "./protocol.js";

/**
 * @typedef {import("./protocol.js").Kind} Kind
 * @typedef {import("./protocol.js").Person} Person
 * @typedef {import("./protocol.js").RoomEvent} RoomEvent
 */

const maxLines = 300;
const countdownMs = 100;

/** @type {Readonly<Record<Kind, { long: string, short: string }>>} */
const kindNames = {
  websocket: { long: "WebSocket", short: "ws" },
  "http-streaming": { long: "HTTP stream", short: "stream" },
  "long-polling": { long: "long polling", short: "poll" },
};

/** One client and all that is seen of it. */
export class Pane {
  #me;
  #client;
  #root;
  #parts;
  #log;
  #talk;
  /** @type {import("./client.js").State} */
  #state = { name: "closed" };
  #hasHistory = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;

  /**
   * @param {HTMLElement} root the section of the page that shows the pane
   * @param {Person} me
   * @param {import("./protocol.js").OpenConnection} open
   */
  constructor(root, me, open) {
    this.#me = me;
    this.#root = root;
    this.#parts = findParts(root);
    this.#talk = new Feed(this.#parts.talk, maxLines);
    this.#log = new WireLog(this.#parts.log, this.#parts.totals);
    this.#client = new RoomClient(me, open, {
      changed: (state) => this.#showState(state),
      received: (batch) => this.#showBatch(batch),
      refused: (error) => this.#notice(error),
      wire: (entry) => this.#log.add(entry),
    });
    const { composer, input, connection } = this.#parts;
    input.placeholder = `Write as ${me.name}`;
    input.setAttribute("aria-label", `Message over ${kindNames[me.kind].long}`);
    composer.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    connection.addEventListener("click", () => {
      if (this.#state.name === "open" || this.#state.name === "connecting") this.#client.disconnect();
      else this.#client.connect();
    });
    this.#client.connect();
  }

  async #send() {
    const { input } = this.#parts;
    const text = input.value.trim();
    if (text === "" || this.#state.name !== "open") return;
    input.value = "";
    this.#notice("");
    try {
      await this.#client.send(text);
    } catch (error) {
      // What was typed in the meantime is worth more.
      if (input.value === "") input.value = text;
      this.#notice(`Not sent: ${messageOf(error)}`);
    }
  }

  /** @param {import("./client.js").State} state */
  #showState(state) {
    clearInterval(this.#countdown);
    this.#state = state;
    this.#root.dataset.state = state.name;
    const { connection, send } = this.#parts;
    send.disabled = state.name !== "open";
    connection.textContent = {
      connecting: "Disconnect",
      open: "Disconnect",
      waiting: "Reconnect now",
      closed: "Connect",
    }[state.name];
    this.#showStateText();
    if (state.name === "waiting") {
      this.#line("close", `closed: ${state.reason}`);
      this.#countdown = setInterval(() => this.#showStateText(), countdownMs);
    }
    if (state.name === "closed") this.#line("close", "you disconnected");
  }

  #showStateText() {
    const state = this.#state;
    if (state.name === "waiting") {
      const seconds = Math.max(0, state.untilMs - performance.now()) / 1000;
      this.#parts.state.textContent = `closed, back in ${seconds.toFixed(1)} s`;
    } else this.#parts.state.textContent = state.name === "closed" ? "disconnected" : state.name;
  }

  /** @param {import("./protocol.js").Batch} batch */
  #showBatch({ recovered, people, events }) {
    if (!recovered) this.#line("close", "the server does not know what came since: something may be missing here");
    else if (this.#hasHistory && events.length > 1) this.#line("note", `caught up: ${events.length} events`);
    this.#hasHistory = true;
    this.#showPeople(people);
    for (const run of runsOf(events)) this.#showRun(run);
  }

  /** @param {Person[]} people */
  #showPeople(people) {
    const chips = people.map((person) => {
      const chip = document.createElement("li");
      const { long, short } = kindNames[person.kind];
      chip.dataset.kind = person.kind;
      chip.title = `${person.name}, ${long}${this.#isMe(person) ? " (this pane)" : ""}`;
      chip.append(named("span", "name", person.name), " ", named("span", "kind", short));
      if (this.#isMe(person)) chip.classList.add("me");
      return chip;
    });
    this.#parts.people.replaceChildren(...chips);
  }

  /** @param {[RoomEvent, ...RoomEvent[]]} run */
  #showRun(run) {
    const [first] = run;
    if (first.type === "message") {
      this.#message(first);
      return;
    }
    const item = named("li", "note", "");
    for (const { name, kind } of run) {
      const who = named("span", "name", name);
      who.dataset.kind = kind;
      item.append(item.childElementCount === 0 ? "" : ", ", who);
    }
    item.append(first.type === "joined" ? " joined" : ` left (${first.status} ${first.code})`);
    this.#talk.append(item);
  }

  /** @param {RoomEvent & { type: "message" }} event */
  #message(event) {
    const item = named("li", this.#isMe(event) ? "message own" : "message", "");
    item.dataset.kind = event.kind;
    const text = named("span", "text", event.text);
    text.dir = "auto";
    item.append(named("span", "author", event.name), text);
    this.#talk.append(item);
  }

  /**
   * @param {"note" | "close"} className
   * @param {string} text
   */
  #line(className, text) {
    this.#talk.append(named("li", className, text));
  }

  /** @param {string} text */
  #notice(text) {
    this.#parts.notice.textContent = text;
  }

  /** @param {Person} person */
  #isMe({ name, kind }) {
    return name === this.#me.name && kind === this.#me.kind;
  }
}

/**
 * Messages one by one; comings and goings that followed each other and were alike together.
 *
 * @param {readonly RoomEvent[]} events
 * @returns {[RoomEvent, ...RoomEvent[]][]}
 */
function runsOf(events) {
  /** @type {[RoomEvent, ...RoomEvent[]][]} */
  const runs = [];
  for (const event of events) {
    const run = runs.at(-1);
    if (run !== undefined && isAlike(run[0], event)) run.push(event);
    else runs.push([event]);
  }
  return runs;
}

/**
 * @param {RoomEvent} one
 * @param {RoomEvent} other
 */
function isAlike(one, other) {
  if (one.type === "left" && other.type === "left") return one.status === other.status && one.code === other.code;
  return one.type === "joined" && other.type === "joined";
}

/** @param {HTMLElement} root */
function findParts(root) {
  return {
    state: find(root, ".state", HTMLElement),
    connection: find(root, ".connection", HTMLButtonElement),
    people: find(root, ".people", HTMLElement),
    talk: find(root, ".talk", HTMLElement),
    composer: find(root, ".composer", HTMLFormElement),
    input: find(root, ".composer input", HTMLInputElement),
    send: find(root, ".composer button", HTMLButtonElement),
    notice: find(root, ".notice", HTMLElement),
    totals: find(root, ".totals", HTMLElement),
    log: find(root, ".log", HTMLElement),
  };
}

/**
 * @template {Element} Part
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => Part} type
 * @returns {Part}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${selector}`);
}
