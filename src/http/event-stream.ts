import { invalidArgument } from "../channel/errors.ts";

/** One event of a server-sent event stream (WHATWG HTML §9.2). */
export type ServerSentEvent = {
  /** The text of the event. Any line break arrives as a line feed. */
  readonly data: string;
  /** Type of the event; `message` for the reader if left out. One line. */
  readonly event?: string;
  /** What a reader sends as `Last-Event-ID` when it comes back. One line without NUL. */
  readonly id?: string;
  /** How long a reader waits before it comes back. Milliseconds. */
  readonly retryMs?: number;
};

/** The header fields of an event stream; `X-Accel-Buffering` asks nginx to pass each event on at once. */
export const eventStreamHeaders: Readonly<Record<string, string>> = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/**
 * The text of one event, ready to be sent.
 *
 * Every line of the data becomes a `data:` line of its own, so that no payload can break out of its event.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for data that is no text, a type or id with a line break, an id with NUL, or a
 *   wrong retry time
 */
export function encodeEvent({ data, event, id, retryMs }: ServerSentEvent): string {
  if (typeof data !== "string") throw invalidArgument("data", "text; use JSON.stringify for objects", data);
  let text = "";
  if (event !== undefined) text += `event: ${checkLine("event", event)}\n`;
  if (id !== undefined) {
    // A reader ignores such an id (WHATWG HTML §9.2.6), and would come back with an older one.
    if (checkLine("id", id).includes("\0")) throw invalidArgument("id", "text without NUL", id);
    text += `id: ${id}\n`;
  }
  if (retryMs !== undefined) {
    // A larger number would be written with an exponent, which no reader takes.
    if (!Number.isSafeInteger(retryMs) || retryMs < 0) {
      throw invalidArgument("retryMs", "a safe integer of at least 0", retryMs);
    }
    text += `retry: ${retryMs}\n`;
  }
  for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** A line that readers skip: keeps proxies from closing a silent stream. */
export const eventStreamComment = ":\n\n";

function checkLine(name: string, value: string): string {
  if (typeof value !== "string" || /[\r\n]/.test(value)) throw invalidArgument(name, "one line of text", value);
  return value;
}
