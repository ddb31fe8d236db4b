import { Payload } from "../channel/payload.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import { flushAtEndOfTurn, type Flushable } from "../channel/turn.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import type { Attachment } from "../session/attachment.ts";
import type { Clock } from "../session/clock.ts";
import type { Refusal } from "../session/refusal.ts";
import { HttpTransport } from "./http-transport.ts";
import { type Item, recordOf, recordOfShared } from "./item.ts";
import type { SessionResponse } from "./session-response.ts";

/** How long a poll is held, and how long its client may be without one that it has left. */
type PollTimes = Pick<SessionLimits, "pollHoldMs" | "pollReturnMs">;

/** The downstream of a session as a response for each poll. */
export class PollTransport extends HttpTransport implements Flushable {
  readonly kind = "long-polling";
  readonly #clock: Clock;
  readonly #times: PollTimes;
  /** The response that waits for something to answer. That to the attach comes first, and does not wait. */
  #parked: SessionResponse | undefined;
  #attachment: Attachment<Item> | undefined;
  /** What the next answer begins with. */
  #records: Buffer[] = [];
  #isScheduled = false;
  #stopHolding: (() => void) | undefined;
  /** There while the client has left a poll that was held, and has not come with another. */
  #stopMissing: (() => void) | undefined;
  #end: Refusal | undefined;
  /** Whether the client has to attach elsewhere: with the next answer, and by when there is to be one. */
  #move: "later" | "now" | undefined;
  #moving: NodeJS.Timeout | undefined;

  constructor(response: SessionResponse, clock: Clock, times: PollTimes) {
    super();
    this.#clock = clock;
    this.#times = times;
    this.#parked = response;
    response.carrier = this;
    // It may leave before it is answered, at the end of the turn.
    response.onDeparture({ departed: () => this.#departed(response) });
  }

  /**
   * Holds the response to a poll, and answers the one before, which nobody waits for any more.
   *
   * @param holdMs - how long the client lets it be held, if that is less than the server does
   */
  park(response: SessionResponse, holdMs: number = this.#times.pollHoldMs): void {
    this.#found();
    this.#takeParked()?.acknowledge({ type: "ping" });
    if (this.#end !== undefined) {
      response.refuse(this.#end);
      return;
    }
    this.#parked = response;
    response.carrier = this;
    const mostMs = Math.min(holdMs, this.#times.pollHoldMs);
    this.#stopHolding = this.#clock.after(mostMs, () => this.write({ type: "ping" }));
    response.onDeparture({ departed: () => this.#departed(response) });
    this.wake();
  }

  protected override carried(attachment: Attachment<Item>): void {
    this.#attachment = attachment;
    this.wake();
  }

  wake(): void {
    if (this.#parked === undefined || this.#isScheduled) return;
    this.#isScheduled = true;
    // All that is sent in a turn goes in one answer: the next message would have to wait for the next poll.
    flushAtEndOfTurn(this);
  }

  /** What comes while no poll is held is not needed: the next poll, and each answer to a send, says as much. */
  write(record: ControlRecord): void {
    if (this.#parked === undefined) return;
    // Any answer at all is a ping.
    if (record.type === "ping" && this.#records.length > 0) return;
    this.#records.push(recordOf(record));
    this.wake();
  }

  /** About so much goes in one answer: the rest comes with the next, when the client has read this. */
  fill(): void {
    const mostBytes = this.#parked?.environment.limits.softBufferedBytes ?? 0;
    for (let bytes = 0; bytes < mostBytes;) {
      const item = this.#attachment?.next();
      if (item === undefined) return;
      const record = item instanceof Payload ? item.encodedBy(recordOfShared) : recordOf(item);
      bytes += record.length;
      this.#records.push(record);
    }
  }

  detach(code: number, reason: string): void {
    this.#end = { code, reason };
    this.#found();
    clearTimeout(this.#moving);
    // The ack of the client's end is among them. The answer to the send has it, too, but this one may come first.
    const said = this.#records;
    this.#takeParked()?.refuse({ code, reason }, said);
  }

  /** The poll is held until its time, and the answer says to attach at once: any next poll has to go elsewhere. */
  moveAfter(delayMs: number): void {
    this.#move = "later";
    clearTimeout(this.#moving);
    // Not by the clock of sessions, whose beats would bundle those that are to come apart.
    this.#moving = setTimeout(() => {
      this.#move = "now";
      this.wake();
    }, delayMs).unref();
  }

  goAway(): void {
    // Its own time has come in this very turn, in a process that was held up: its client attaches elsewhere at once.
    if (this.#move === "now") this.endTurn();
    // Its client may come back to another process, which has nothing of it.
    this.fill();
    this.#attachment?.lost();
    this.detach(closeCodes.shutdown, "shutdown");
  }

  endTurn(): void {
    this.#isScheduled = false;
    if (this.#parked === undefined) return;
    this.fill();
    const records = this.#records;
    const moves = this.#move === "now" || (this.#move === "later" && records.length > 0);
    if (moves) records.push(recordOf({ type: "goaway", afterMs: 0 }));
    if (records.length > 0) this.#takeParked()?.answer(Buffer.concat(records));
  }

  #takeParked(): SessionResponse | undefined {
    const response = this.#parked;
    this.#parked = undefined;
    this.#records = [];
    this.#stopHolding?.();
    this.#stopHolding = undefined;
    return response;
  }

  /**
   * Its client has left, or comes with another poll at once: one that is gone for good would else count as present for as
   * long as a poll may be held. Between two polls it leaves none, and is not missed.
   */
  #departed(response: SessionResponse): void {
    if (this.#parked !== response) return;
    this.#takeParked();
    this.#stopMissing = this.#clock.after(this.#times.pollReturnMs, () => this.#attachment?.lost());
  }

  #found(): void {
    this.#stopMissing?.();
    this.#stopMissing = undefined;
  }
}
