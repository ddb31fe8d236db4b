import { randomBytes } from "node:crypto";

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

/** A position as one word, for `Last-Event-ID`, a query or a header field. */
export function encodePosition({ epoch, offset }: Position): string {
  return `${epoch}-${offset}`;
}

/** Reads what {@link encodePosition} wrote. Undefined for anything else: what a client sends may be anything. */
export function decodePosition(text: string | null | undefined): Position | undefined {
  const match = /^([0-9a-f]{16})-(\d{1,15})$/.exec(text ?? "");
  return match === null ? undefined : { epoch: match[1] ?? "", offset: Number(match[2]) };
}
