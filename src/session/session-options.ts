import type { Message } from "../channel/message-type.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import type { CloseRecord } from "../protocol/control-record.ts";
import type { WaiterClock } from "./clock.ts";
import type { SessionEnd } from "./ending.ts";

/** What a session tells the one who uses it. None of these may throw. */
export type SessionEvents = {
  message(message: Message): void;
  /** Bytes that it keeps for as long as the session is kept, besides what every session takes. Undefined: none. */
  readonly keptBytes?: number;
  /** Comes once. After `close` of this side, messages may still be on their way to the other one. */
  closed(end: SessionEnd): void;
  /** No transport carries it now; one may again. */
  left(): void;
  /** Less is waiting now, or nothing any more. */
  acknowledged(): void;
};

/** What a session is given. */
export type SessionOptions<Item> = {
  readonly limits: SessionLimits;
  readonly clock: WaiterClock;
  /** The bytes of an item as it goes out. */
  readonly sizeOf: (item: Item) => number;
  /** What one session answers for that keeps an item, which others may keep, too. At any time the same. */
  readonly shareOf: (item: Item | CloseRecord, bytes: number) => number;
};
