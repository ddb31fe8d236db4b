import { Payload } from "../channel/payload.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { CloseRecord, ControlRecord } from "../protocol/control-record.ts";
import { secondTickMs } from "../protocol/stream-tick.ts";
import type { Attachment } from "../session/attachment.ts";
import type { Clock } from "../session/clock.ts";
import { countControl } from "./count-control.ts";
import { type Item, recordOf } from "./item.ts";
import { HttpTransport } from "./http-transport.ts";
import type { SessionResponse } from "./session-response.ts";

/** The downstream of a session as one response without end. */
export class StreamTransport extends HttpTransport {
  readonly kind = "http-streaming";
  readonly #response: SessionResponse;
  readonly #clock: Clock;
  readonly #tickMs: number;
  #attachment: Attachment<Item> | undefined;
  #isWaiting = false;
  #wroteAtMs = 0;
  #controlBytes = 0;
  #stopTicking: (() => void) | undefined;
  /** By the second one the client sees whether a stream that has answered also goes on, or is held back on its way. */
  #stopSecondTick: (() => void) | undefined;

  constructor(response: SessionResponse, clock: Clock, tickMs: number) {
    super();
    this.#response = response;
    this.#clock = clock;
    this.#tickMs = tickMs;
    response.carrier = this;
    response.onDeparture({ departed: () => this.#departed() });
  }

  protected override carried(attachment: Attachment<Item>): void {
    this.#attachment = attachment;
    this.#wroteAtMs = this.#clock.now();
    this.#tick();
    this.#stopSecondTick = this.#clock.after(secondTickMs, () => this.write({ type: "tick" }));
    this.wake();
  }

  wake(): void {
    const attachment = this.#attachment;
    if (attachment === undefined) return;
    while (!this.#response.isSlow) {
      const item = attachment.next();
      if (item === undefined) return;
      this.#put(item);
    }
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.#response.drained().then(() => {
      this.#isWaiting = false;
      if (this.#response.isOpen) this.wake();
    });
  }

  write(record: ControlRecord): void {
    const { limits } = this.#response.environment;
    const bytes = recordOf(record);
    const buffered = this.#response.bufferedAmount;
    this.#controlBytes = countControl(this.#controlBytes, bytes.length, buffered, limits.softBufferedBytes);
    if (this.#controlBytes > limits.softBufferedBytes) this.detach(closeCodes.slow, "slow");
    else this.#stream(bytes);
  }

  detach(code: number, reason: string): void {
    const response = this.#response;
    if (!response.hasBegun) response.refuse({ code, reason });
    else if (code === closeCodes.silent || code === closeCodes.slow || code === closeCodes.overflow) {
      // What waits in front of a record would have to be read first, by a client that does not read.
      response.cut();
    } else {
      this.write({ type: "detach", code, reason });
      response.endStream();
    }
  }

  moveAfter(delayMs: number): void {
    this.write({ type: "goaway", afterMs: delayMs });
  }

  goAway(): void {
    this.#attachment?.lost();
    this.detach(closeCodes.shutdown, "shutdown");
  }

  #put(item: Item | CloseRecord): void {
    this.#wroteAtMs = this.#clock.now();
    if (item instanceof Payload) this.#response.streamShared(item);
    else this.#response.stream(recordOf(item));
  }

  #stream(record: Buffer): void {
    this.#wroteAtMs = this.#clock.now();
    this.#response.stream(record);
  }

  /** Something is to be written so long behind the last: what stands between both ends cuts responses that are silent. */
  #tick(): void {
    this.#stopTicking = this.#clock.after(this.#wroteAtMs + this.#tickMs - this.#clock.now(), () => {
      if (this.#clock.now() - this.#wroteAtMs >= this.#tickMs) this.#attachment?.acknowledge();
      this.#tick();
    });
  }

  #departed(): void {
    this.#stopTicking?.();
    this.#stopSecondTick?.();
    this.#attachment?.lost();
  }
}
