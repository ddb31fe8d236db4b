import type { Message } from "../channel/message-type.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import { mostBytesPerUnit } from "../protocol/utf-8.ts";
import { Waiter, type WaiterClock } from "./clock.ts";

type AckLimits = Pick<SessionLimits, "ackMessages" | "ackBytes" | "ackDelayMs">;

/** When to acknowledge what came: after so many messages, so many bytes, or so much time. */
export class AckSchedule extends Waiter {
  readonly #limits: AckLimits;
  readonly #clock: WaiterClock;
  readonly #session: { acknowledge(): void };
  #messages = 0;
  #bytes = 0;

  constructor(limits: AckLimits, clock: WaiterClock, session: { acknowledge(): void }) {
    super();
    this.#limits = limits;
    this.#clock = clock;
    this.#session = session;
  }

  /** Notes a message that came. */
  add(message: Message): void {
    this.#messages += 1;
    this.#bytes += typeof message === "string" ? message.length * mostBytesPerUnit : message.length;
    const { ackMessages, ackBytes, ackDelayMs } = this.#limits;
    if (this.#messages >= ackMessages || this.#bytes >= ackBytes) this.#session.acknowledge();
    // Started by what comes, and not at fixed times: browsers slow down timers of pages that are not seen.
    else if (this.#messages === 1) this.#clock.wait(this, ackDelayMs);
  }

  due(): void {
    this.#session.acknowledge();
  }

  /** The peer is told, or will be when it attaches. */
  clear(): void {
    if (this.#messages === 0) return;
    this.#messages = this.#bytes = 0;
    this.#clock.forget(this);
  }
}
