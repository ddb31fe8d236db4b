import type { Movable } from "../channel/movable.ts";
import type { Payload } from "../channel/payload.ts";
import { closedHere, maxReasonBytes } from "../channel/status.ts";
import type { Head } from "../http/head.ts";
import { HttpChannel } from "../http/http-channel.ts";
import { closeCodes } from "../protocol/close-code.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import { protocolField, protocolVersion } from "../protocol/http-fields.ts";
import type { Refusal } from "../session/refusal.ts";
import { recordFormat, recordOf } from "./item.ts";

// None may be kept, changed or sent to another request, and none shown as a page.
const fields: Head["fields"] = [
  ["Content-Type", "application/octet-stream"],
  ["Cache-Control", "no-store, no-transform"],
  ["X-Accel-Buffering", "no"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
];

function headOf(status: number): Head {
  return { status, fields, closesConnection: false, contentLength: undefined };
}

const taken = headOf(200);
const noFields: Head["fields"] = [];

const statuses: ReadonlyMap<number, number> = new Map<number, number>([
  [closeCodes.fault, 400],
  [closeCodes.version, 400],
  [closeCodes.denied, 403],
  [closeCodes.stale, 403],
  [closeCodes.superseded, 409],
  [closeCodes.gap, 409],
  [closeCodes.unknown, 410],
  [closeCodes.tooBig, 413],
  [closeCodes.shutdown, 503],
  [closeCodes.busy, 503],
]);

/** The response to one request of a session. */
export class SessionResponse extends HttpChannel {
  /** Gets to move, and to say its last words, when the server stops. */
  carrier: (Movable & { goAway(): void }) | undefined;

  /** What lets a page of another origin read it. */
  sharing: Head["fields"] = noFields;

  override get movable(): Movable | undefined {
    return this.carrier;
  }

  override goAway(): void {
    this.carrier?.goAway();
    super.goAway();
  }

  /** Whether so much waits for the client that the session had better keep the rest. */
  get isSlow(): boolean {
    return this.outbox.bufferedAmount >= this.environment.limits.softBufferedBytes;
  }

  /** Whether a response that goes on has begun. */
  get hasBegun(): boolean {
    return this.exchange.isAnswered;
  }

  /** Answers with whole records. */
  answer(records: Buffer, head: Head = taken): void {
    if (this.isOpen) this.complete(() => this.exchange.answer(this.#shared(head), records));
  }

  /** Answers that the request is refused, or that the transport ends, behind other records. */
  refuse({ code, reason }: Refusal, before: readonly Buffer[] = []): void {
    // RFC 6455 §5.5 allows as much over a WebSocket; what is longer is ASCII.
    const end: ControlRecord = { type: "detach", code, reason: reason.slice(0, maxReasonBytes) };
    this.answer(Buffer.concat([...before, recordOf(end)]), headOf(statuses.get(code) ?? 200));
  }

  /** Answers a request in a version of the protocol that is not known. */
  refuseVersion(): void {
    const record = recordOf({ type: "detach", code: closeCodes.version, reason: protocolVersion });
    this.answer(record, { ...headOf(400), fields: [...fields, [protocolField, protocolVersion]] });
  }

  /** Writes a record of a response that goes on. */
  stream(record: Buffer): void {
    if (!this.isOpen) return;
    if (!this.exchange.isAnswered) this.exchange.startStream(this.#shared(taken));
    this.exchange.write(record);
  }

  /** As {@link stream}, for a message that others get, too. */
  streamShared(payload: Payload): void {
    if (!this.isOpen) return;
    if (!this.exchange.isAnswered) this.exchange.startStream(this.#shared(taken));
    this.exchange.writeFormatted(payload, recordFormat);
  }

  /** Ends a response that goes on. */
  endStream(): void {
    if (this.isOpen) this.complete(() => this.exchange.end());
  }

  /** A record by itself, and the end. */
  acknowledge(record: ControlRecord): void {
    this.answer(recordOf(record));
  }

  /** The client is not to be waited for: its connection is cut. */
  cut(): void {
    if (!this.isOpen) return;
    this.shut();
    this.exchange.abort();
    this.finish(closedHere(), true);
  }

  #shared(head: Head): Head {
    return this.sharing.length === 0 ? head : { ...head, fields: [...head.fields, ...this.sharing] };
  }
}
