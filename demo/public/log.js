/** The log of one pane: what its transport does, and how many bytes that took. */

import { Feed, named } from "./feed.js";

const maxEntries = 200;
const arrows = { up: "↑", down: "↓", note: "·", end: "×" };
const words = { up: "sent", down: "received", note: "note", end: "closed" };

export class WireLog {
  #feed;
  #totals;
  #upBytes = 0;
  #downBytes = 0;
  #requests = 0;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} totals
   */
  constructor(list, totals) {
    this.#feed = new Feed(list, maxEntries);
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
    this.#feed.append(item);
    this.#showTotals();
  }

  #showTotals() {
    const requests = `${this.#requests} ${this.#requests === 1 ? "request" : "requests"}`;
    this.#totals.textContent = `${requests} · ↑ ${size(this.#upBytes)} · ↓ ${size(this.#downBytes)}`;
  }
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
