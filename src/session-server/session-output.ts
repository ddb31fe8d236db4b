import type { Output } from "../channel/output.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import type { ServerSession } from "../session/server-session.ts";
import type { Item } from "./item.ts";

/** What of a session is not acknowledged, and who waits for it to become less. */
export class SessionOutput implements Output {
  readonly #session: ServerSession<Item>;
  readonly #limits: SessionLimits;
  readonly #softBytes: number;
  /** Few sessions ever have any. */
  #waiting: { readonly below: number; readonly settle: () => void }[] | undefined;

  /** @param softBytes - under it `drained` resolves */
  constructor(session: ServerSession<Item>, limits: SessionLimits, softBytes: number) {
    this.#session = session;
    this.#limits = limits;
    this.#softBytes = softBytes;
  }

  get bufferedAmount(): number {
    return this.#session.bufferedBytes;
  }

  hasRoomFor(bytes: number, waitingBytes = 0): boolean {
    const buffered = this.bufferedAmount + waitingBytes;
    return buffered === 0 || buffered + bytes <= this.#limits.maxUnacknowledgedBytes;
  }

  drained(): Promise<void> {
    return this.#whenBelow(this.#softBytes);
  }

  flushed(): Promise<void> {
    return this.#whenBelow(1);
  }

  /** Less is waiting now. */
  acknowledged(): void {
    if (this.#waiting === undefined) return;
    const buffered = this.bufferedAmount;
    const still = this.#waiting.filter(({ below, settle }) => {
      if (buffered < below) settle();
      return buffered >= below;
    });
    this.#waiting = still.length > 0 ? still : undefined;
  }

  #whenBelow(below: number): Promise<void> {
    if (this.bufferedAmount < below) return Promise.resolve();
    return new Promise((settle) => {
      (this.#waiting ??= []).push({ below, settle });
    });
  }
}
