/** The log of one pane: what its transport does, and how many bytes that took. */

const maxEntries = 200;
const arrows = { up: "↑", down: "↓", note: "·", end: "×" };
const words = { up: "sent", down: "received", note: "note", end: "closed" };

export class WireLog {
  #list;
  #totals;
  #upBytes = 0;
  #downBytes = 0;
  #requests = 0;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} totals
   */
  constructor(list, totals) {
    this.#list = list;
    this.#totals = totals;
    this.#showTotals();
  }

  /** @param {import("./protocol.js").WireEntry} entry */
  add({ direction, text, bytes }) {
    if (direction === "up") this.#upBytes += bytes ?? 0;
    if (direction === "down") this.#downBytes += bytes ?? 0;
    if (direction === "up" && /^(?:GET|POST|poll) /.test(text)) this.#requests += 1;
    const item = document.createElement("li");
    item.dataset.direction = direction;
    const arrow = named("span", "arrow", arrows[direction]);
    arrow.title = words[direction];
    const payload = named("span", "bytes", bytes === undefined ? "" : `${bytes} B`);
    item.append(named("span", "time", clock()), arrow, named("span", "text", text), payload);
    append(this.#list, item, maxEntries);
    this.#showTotals();
  }

  #showTotals() {
    const requests = `${this.#requests} ${this.#requests === 1 ? "request" : "requests"}`;
    this.#totals.textContent = `${requests} · ↑ ${size(this.#upBytes)} · ↓ ${size(this.#downBytes)}`;
  }
}

/**
 * Adds an item at the end, forgets the oldest ones, and keeps the end in view unless the reader has scrolled away.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} item
 * @param {number} most
 */
export function append(list, item, most) {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
  list.append(item);
  while (list.childElementCount > most) list.firstElementChild?.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

/**
 * An element with a class and a text, which stays text whatever stands in it.
 *
 * @param {"li" | "span"} tag
 * @param {string} className
 * @param {string} text
 * @returns {HTMLElement}
 */
export function named(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function clock() {
  const now = new Date();
  const parts = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${parts.join(":")}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
