import { awaited, isBytes, readableBytes } from "../channel/data.ts";
import { invalidArgument } from "../channel/errors.ts";
import { lookAt } from "../channel/look-at.ts";
import { isThenable } from "../channel/mailbox.ts";
import { type Message, ownText } from "../channel/message.ts";
import { Payload } from "../channel/payload.ts";
import type { Position } from "./position.ts";

/** Messages of a group with history, on their way to a member: one live message, or all that a member has missed. */
export type Batch<Value> = {
  /** The name of the group. */
  readonly group: string;
  /** The member's position once it has seen this. */
  readonly position: Position;
  /**
   * False when the history does not reach back to the position the member came with; then `messages` is empty, or holds as
   * many of the latest as it joined with by `last`.
   */
  readonly recovered: boolean;
  /** The messages in their order, each with the position that a member has once it has seen it. */
  readonly messages: readonly { readonly position: Position; readonly value: Value }[];
};

const jsonType = "application/json; charset=utf-8";
const textType = "text/plain; charset=utf-8";
const bytesType = "application/octet-stream";

/**
 * Text and bytes as they are, anything else as JSON. Throws `INVALID_ARGUMENT` for what has no JSON form, and for a promise.
 *
 * @param readers - how many members it is for
 */
export function payloadOf(value: unknown, readers = 1): Payload {
  if (typeof value === "string") return new Payload(ownText(value), textType, readers);
  return lookAt("a value to broadcast", value, () => {
    noPromise(value);
    if (isBytes(value)) return new Payload(readableBytes("a value to broadcast", value), bytesType, readers);
    return new Payload(toJson(value), jsonType, readers);
  });
}

/** The batch format of a store that is given none: `{ group, epoch, offset, recovered, messages: [value, …] }`. */
export function formatAsJson(batch: Batch<unknown>): Message | object {
  for (const { value } of batch.messages) {
    const isBinary = lookAt("a value for a store with history", value, () => isBytes(value));
    // In a list JSON would turn what it cannot hold into null.
    if (isBinary || value === undefined || typeof value === "symbol") {
      throw invalidArgument("a value for a store with history", "text or JSON, unless the store has a format", value);
    }
  }
  const { group, position, recovered, messages } = batch;
  return { group, ...position, recovered, messages: messages.map(({ value }) => value) };
}

/** A value, unless it is a promise, of which JSON would make `{}`. Throws `INVALID_ARGUMENT` for that. */
export function noPromise(value: unknown): unknown {
  if (isThenable(value)) throw invalidArgument("a value to broadcast", awaited, value);
  return value;
}

function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw Object.assign(invalidArgument("a value to broadcast", "text, bytes or what JSON can hold", value), { cause });
  }
  if (text === undefined) throw invalidArgument("a value to broadcast", "text, bytes or what JSON can hold", value);
  return text;
}
