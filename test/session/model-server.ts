import type { SessionLimits } from "../../src/channel/session-limits.ts";
import type { Message } from "../../src/channel/message-type.ts";
import { closeCodes } from "../../src/protocol/close-code.ts";
import type { AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../../src/protocol/frame-codec.ts";
import { decodeCredentials } from "../../src/protocol/http-fields.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import type { Attachment, Numbered } from "../../src/session/attachment.ts";
import type { SessionEvents } from "../../src/session/session-options.ts";
import type { Clock } from "../../src/session/clock.ts";
import type { ServerSession } from "../../src/session/server-session.ts";
import { SessionRegistry } from "../../src/session/session-registry.ts";
import type { Transport } from "../../src/session/transport.ts";
import type { Random } from "../support/random.ts";
import type { Answering, LinkEnd } from "./network.ts";
import type { Oracle } from "./oracle.ts";
import { waiterClock } from "./virtual-clock.ts";

export const maxMessageBytes = 1000;

/** What the header fields of a request say. */
export type RequestHead = { readonly credentials: string | undefined };

export type ModelServerOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: SessionLimits;
  readonly oracle: Oracle;
  readonly createToken: () => string;
};

/** A transport of the model, which takes a few items at a time, as a socket that is slow does. */
abstract class Carrier implements Transport {
  attachment: Attachment<Message> | undefined;
  protected readonly clock: Clock;
  readonly #random: Random;
  #isFlushing = false;

  constructor({ clock, random }: Pick<ModelServerOptions, "clock" | "random">) {
    this.clock = clock;
    this.#random = random;
  }

  abstract write(record: SessionRecord): void;
  abstract detach(code: number, reason: string): void;
  protected abstract get canWrite(): boolean;
  /** A turn ends in which something was written. */
  protected flushed(): void {
    if (this.attachment !== undefined) this.wake();
  }

  wake(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.clock.after(this.#random.pick([0, 0, 0, 20, 400]), () => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  /** At once, as far as a socket takes it: the session is about to forget the rest. */
  fill(): void {
    if (this.canWrite) this.#put(this.#random.int(1, 100));
  }

  #flush(): void {
    if (this.canWrite && this.#put(this.#random.int(1, 6)) > 0) this.flushed();
  }

  /** @returns how many */
  #put(most: number): number {
    for (let count = 0; count < most; count += 1) {
      const item = this.attachment?.next();
      if (item === undefined) return count;
      this.write(item);
    }
    return most;
  }
}

class SocketCarrier extends Carrier {
  readonly #end: LinkEnd;

  constructor(options: ModelServerOptions, end: LinkEnd) {
    super(options);
    this.#end = end;
  }

  protected get canWrite(): boolean {
    return true;
  }

  write(record: SessionRecord): void {
    for (const frame of framesOf(record)) this.#end.send(frame);
  }

  detach(code: number, reason: string): void {
    if (code !== closeCodes.superseded) {
      this.#end.close(code);
      return;
    }
    // It works: the client may attach again over it.
    this.write({ type: "detach", code, reason });
    const { attachment } = this;
    this.clock.after(10_000, () => {
      if (this.attachment === attachment) this.#end.close(code);
    });
  }
}

class StreamCarrier extends Carrier {
  readonly #answer: Answering;

  constructor(options: ModelServerOptions, answer: Answering) {
    super(options);
    this.#answer = answer;
  }

  protected get canWrite(): boolean {
    return true;
  }

  write(record: SessionRecord): void {
    this.#answer.write(encodeRecord(record));
  }

  detach(code: number, reason: string): void {
    this.write({ type: "detach", code, reason });
    this.#answer.end();
  }
}

class PollCarrier extends Carrier {
  #parked: Answering | undefined;

  constructor(options: ModelServerOptions, answer: Answering) {
    super(options);
    this.#parked = answer;
  }

  park(answer: Answering): void {
    this.#parked?.end();
    this.#parked = answer;
    this.wake();
  }

  protected get canWrite(): boolean {
    return this.#parked !== undefined;
  }

  /** A batch is complete with the turn: what comes later waits for the next poll. */
  protected override flushed(): void {
    this.#parked?.end();
    this.#parked = undefined;
  }

  write(record: SessionRecord): void {
    this.#parked?.write(encodeRecord(record));
    const isAlone = typeof record === "object" && "type" in record && record.type !== "close";
    if (!isAlone) return;
    if (record.type === "attached") this.clock.after(5, () => this.flushed());
    else this.flushed();
  }

  detach(code: number, reason: string): void {
    this.write({ type: "detach", code, reason });
  }
}

/** The server of the model, from its start to its death. */
export class ModelServer {
  readonly registry: SessionRegistry<Message, string>;
  readonly #options: ModelServerOptions;
  readonly #polls = new Map<Attachment<Message>, PollCarrier>();
  readonly open = new Map<string, ServerSession<Message>>();
  /** Those that are over, too. */
  readonly sessions: ServerSession<Message>[] = [];
  #isAlive = true;

  constructor(given: ModelServerOptions) {
    const clock: Clock = {
      now: () => given.clock.now(),
      after: (delayMs, run) =>
        given.clock.after(delayMs, () => {
          if (this.#isAlive) run();
        }),
    };
    this.#options = { ...given, clock };
    this.registry = new SessionRegistry<Message, string>({
      limits: { ...given.limits, maxMessageBytes },
      clock: waiterClock(clock),
      sizeOf: (message) => Buffer.byteLength(message),
      shareOf: (_message, bytes) => bytes,
      secrets: {
        create: given.createToken,
        hash: (secret) => `hash of ${secret}`,
        isEqual: (one, other) => one === other,
      },
      createId: given.createToken,
    });
  }

  die(): void {
    this.#isAlive = false;
    this.#options.oracle.serverDied();
  }

  acceptLink(end: LinkEnd): void {
    const decoder = new FrameDecoder();
    const carrier = new SocketCarrier(this.#options, end);
    end.onClose = () => {
      if (this.#isAlive) carrier.attachment?.lost();
    };
    end.onFrame = (frame) => {
      const record = decoder.read(frame);
      if (!this.#isAlive || record === undefined) return;
      if (typeof record === "object" && "fault" in record) throw new Error(record.fault);
      if (isControl(record) && record.type === "attach") this.#attach(record, carrier);
      else carrier.attachment?.receive(record);
    };
  }

  takeRequest({ credentials }: RequestHead, body: Uint8Array, answer: Answering): void {
    if (!this.#isAlive) return;
    const records: SessionRecord[] = [];
    const decoder = new RecordDecoder(maxMessageBytes, (record) => records.push(record));
    for (const piece of this.#options.random.slices(body, 50)) {
      const fault = decoder.push(piece);
      if (fault !== undefined) throw new Error(fault.fault);
    }
    if (!decoder.isBetweenRecords) throw new Error("a request broke off");
    const [head, ...rest] = records;
    const refuse = (code: number): void => {
      answer.write(encodeRecord({ type: "detach", code, reason: "" }));
      answer.end();
    };
    const named = credentials === undefined ? undefined : decodeCredentials(credentials);
    if (!isControl(head)) throw new Error("a request without its head");
    if (head.type === "attach") {
      const Kind = head.mode === "poll" ? PollCarrier : StreamCarrier;
      const carrier = new Kind(this.#options, answer);
      const attachment = this.#attach({ ...head, ...named }, carrier);
      if (attachment !== undefined && carrier instanceof PollCarrier) this.#polls.set(attachment, carrier);
      answer.onAbort = () => {
        if (this.#isAlive && carrier instanceof StreamCarrier) attachment?.lost();
      };
      return;
    }
    const session = named === undefined ? undefined : this.registry.find(named);
    const attachment = session?.attachment;
    if (session === undefined) refuse(closeCodes.unknown);
    else if (head.type === "poll" && attachment?.number === head.attach) {
      if (session.poll(attachment, head.poll, head.received)) this.#polls.get(attachment)?.park(answer);
      else refuse(closeCodes.superseded);
    } else if (head.type === "send" && attachment?.number === head.attach) {
      // A server may take a part, and says how much it took.
      const some = this.#options.random.chance(0.9) ? rest : rest.slice(0, 2);
      session.receiveBatch(attachment, head, some as Numbered[]);
      answer.write(encodeRecord({ type: "ack", received: session.takeReceived() }));
      answer.end();
    } else refuse(closeCodes.superseded);
  }

  #attach(record: AttachRecord, carrier: Carrier): Attachment<Message> | undefined {
    const result = this.registry.attach({
      record,
      owner: "owner",
      transport: carrier,
      opened: (session) => this.#opened(session),
    });
    if ("code" in result) {
      if (carrier instanceof SocketCarrier) carrier.write({ type: "detach", ...result });
      else carrier.detach(result.code, result.reason);
      return undefined;
    }
    carrier.attachment = result.attachment;
    carrier.wake();
    return result.attachment;
  }

  #opened(session: ServerSession<Message>): SessionEvents {
    const { oracle } = this.#options;
    oracle.opened(session);
    this.open.set(session.id, session);
    this.sessions.push(session);
    return {
      message: (message) => oracle.serverReceived(session.id, message),
      closed: (end) => {
        this.open.delete(session.id);
        oracle.serverClosed(session.id, end);
      },
      acknowledged: () => undefined,
      left: () => undefined,
    };
  }
}

function isControl(record: SessionRecord | undefined): record is ControlRecord {
  return typeof record === "object" && "type" in record;
}
