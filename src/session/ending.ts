import { closeCodes, type CloseName } from "../protocol/close-code.ts";
import type { CloseRecord, ResetReason } from "../protocol/control-record.ts";

/** How a session ended: by this side, by the other one, or because it could not be kept. */
export type SessionEnd = {
  readonly cause: "local" | "peer" | "fault" | Exclude<ResetReason, "denied">;
  readonly code: number;
  readonly reason: string;
};

/** What ends a session at once, as the code that says so. */
export type DropName = Extract<CloseName, "expired" | "gap" | "overflow" | "fault" | "tooBig">;

export function endOf(name: DropName, reason: string): SessionEnd {
  return { cause: name === "tooBig" ? "fault" : name, code: closeCodes[name], reason };
}

/** How a session ends: closing, while its messages and its end are on their way, or over. One that is open has none. */
export class Ending {
  /** What came first, which is what counts. */
  readonly end: SessionEnd;
  /** The end as the other side is told of it. */
  readonly record: CloseRecord;
  #isOver = false;
  #stopWaiting: (() => void) | undefined;

  /** @param stopWaiting - takes back that the other side is waited for */
  constructor(end: SessionEnd, stopWaiting?: () => void) {
    this.end = end;
    this.record = { type: "close", code: end.code, reason: end.reason };
    this.#stopWaiting = stopWaiting;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  finish(): void {
    this.#isOver = true;
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }
}
