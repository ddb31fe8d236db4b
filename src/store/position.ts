import { randomBytes } from "node:crypto";
import { invalidArgument } from "../channel/errors.ts";

/**
 * A place in the history of a group: everything up to and including `offset` has been seen.
 *
 * The epoch changes when a history is lost, so that an old offset is never taken for a new one.
 */
export type Position = {
  /** Names one life of a history: 16 hexadecimal digits. */
  readonly epoch: string;
  /** How many messages the history has had; 0 before the first. */
  readonly offset: number;
};

/** A new epoch: positions of before must not match it, and nobody should guess it. */
export function createEpoch(): string {
  return randomBytes(8).toString("hex");
}

/**
 * Throws `INVALID_ARGUMENT` for what is not made as a position is. Any text and any number pass: a history knows only
 * those it has given out, and tells who comes with another.
 */
export function checkPosition(argument: string, position: Position): Position {
  if (typeof position !== "object" || position === null)
    throw invalidArgument(argument, "a position: an object with epoch and offset", position);
  const { epoch, offset } = position;
  if (typeof epoch !== "string") throw invalidArgument(`${argument}.epoch`, "a string", epoch);
  if (typeof offset !== "number") throw invalidArgument(`${argument}.offset`, "a number", offset);
  return { epoch, offset };
}

/**
 * A position as one word, for `Last-Event-ID`, a query or a header field.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for what is no position: a store without history has none
 */
export function encodePosition(position: Position): string {
  const { epoch, offset } = checkPosition("position", position);
  return `${epoch}-${offset}`;
}

/** Reads what {@link encodePosition} wrote. Undefined for anything else: what a client sends may be anything. */
export function decodePosition(text: string | null | undefined): Position | undefined {
  const match = /^([0-9a-f]{16})-(\d{1,15})$/.exec(text ?? "");
  return match === null ? undefined : { epoch: match[1] ?? "", offset: Number(match[2]) };
}
