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

/** How far a session is: open; closing, while its messages and its end are on their way; or over. */
export class Ending {
  #phase: "open" | "closing" | "over" = "open";
  #end: SessionEnd | undefined;
  #stopWaiting: (() => void) | undefined;

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  get isClosing(): boolean {
    return this.#phase === "closing";
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** The end that came first, which is the one that counts. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** The end as the other side is told of it. */
  get record(): CloseRecord {
    const { code = 1000, reason = "" } = this.#end ?? {};
    return { type: "close", code, reason };
  }

  /** This side closes. @param stopWaiting - takes back that the other one is waited for */
  begin(end: SessionEnd, stopWaiting: () => void): void {
    this.#phase = "closing";
    this.#end = end;
    this.#stopWaiting = stopWaiting;
  }

  /** @returns whether nobody was told of an end before */
  decide(end: SessionEnd): boolean {
    const wasOpen = this.isOpen;
    this.#end ??= end;
    return wasOpen;
  }

  finish(): void {
    this.#phase = "over";
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }
}
