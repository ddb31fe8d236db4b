import type { FaultOf } from "./fault.ts";
import { HeldBytes } from "./held-bytes.ts";

/** Collects a response and lets it go in lumps. */
export class ResponseHold {
  readonly #fault: FaultOf<"hold-response">;
  readonly #held: HeldBytes;
  readonly #send: (lump: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(fault: FaultOf<"hold-response">, maxBytes: number, send: (lump: Buffer) => void) {
    this.#fault = fault;
    this.#held = new HeldBytes(maxBytes);
    this.#send = send;
  }

  /** @returns false when it is too much; nothing is kept then */
  add(bytes: Buffer): boolean {
    const { untilBytes = Infinity, untilMs } = this.#fault;
    if (!this.#held.add(bytes)) return false;
    if (this.#held.sizeBytes >= untilBytes) this.release();
    else if (untilMs !== undefined) this.#timer ??= setTimeout(() => this.release(), untilMs);
    return true;
  }

  /** Sends what there is. */
  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held.sizeBytes > 0) this.#send(this.#held.take());
  }

  /** Forgets what there is. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#held.take();
  }
}
