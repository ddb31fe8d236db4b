import { find, kindNames, named } from "./elements.js";
import { Feed } from "./feed.js";

const maxEntries = 100;

/**
 * @typedef {import("/client.min.js").ClientStatus} ClientStatus
 * @typedef {import("/client.min.js").TimelineEntry} TimelineEntry
 */

/** What carries the channel, and what it says about that. */
export class Carrier {
  #root = find(".carrier", HTMLElement);
  #status = find(".carrier .status", HTMLElement);
  #timeline = new Feed(find(".timeline", HTMLElement), maxEntries);
  /** @type {TimelineEntry | undefined} */
  #latest;

  /** @param {ClientStatus} status */
  show(status) {
    this.#root.dataset.state = status.state;
    // While nothing carries it, what did so last stays marked.
    if (status.state === "open") this.#root.dataset.kind = status.kind;
    for (const rung of this.#root.querySelectorAll(".ladder [data-kind]")) {
      const isCurrent = rung.getAttribute("data-kind") === this.#root.dataset.kind;
      rung.setAttribute("aria-current", String(isCurrent && status.state === "open"));
    }
    this.#status.textContent = describe(status);
  }

  /** @param {readonly TimelineEntry[]} entries of which those that are shown already stay */
  tell(entries) {
    const from = this.#latest === undefined ? 0 : entries.lastIndexOf(this.#latest) + 1;
    for (const entry of entries.slice(from)) this.#timeline.append(lineOf(entry));
    this.#latest = entries.at(-1);
  }
}

/** @param {ClientStatus} status */
function describe(status) {
  if (status.state === "connecting") return `Nothing carries it: ${kindNames[status.kind]} is dialled …`;
  if (status.state === "waiting") return "Nothing carries it now: what is sent waits.";
  if (status.state === "closed") return `It is closed: ${status.code} ${status.reason}`;
  if (status.resumed) return "Resumed: nothing is missing, nothing came twice.";
  if (status.reason === undefined) return "Open.";
  return `The server has begun anew (${status.reason}): ${status.uncertain} messages may have arrived or not.`;
}

/** @param {TimelineEntry} entry */
function lineOf({ atMs, kind, event, cause }) {
  const line = named("li", event, "");
  const time = named("time", "", new Date(atMs).toLocaleTimeString(undefined, { hour12: false }));
  const name = named("span", "kind", kindNames[kind]);
  name.dataset.kind = kind;
  line.append(time, name, named("span", "event", event), named("span", "cause", cause));
  return line;
}
