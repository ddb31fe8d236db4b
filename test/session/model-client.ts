import type { SessionLimits } from "../../src/channel/session-limits.ts";
import type { ClientSession, ClientTransport } from "../../src/client/client-session.ts";
import { createClientSession } from "../../src/client/create-client-session.ts";
import { closeCodes } from "../../src/protocol/close-code.ts";
import type { AttachMode, AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../../src/protocol/frame-codec.ts";
import { encodeCredentials } from "../../src/protocol/http-fields.ts";
import { encodeRecord, RecordDecoder, type SessionRecord } from "../../src/protocol/record-codec.ts";
import type { Clock } from "../../src/session/clock.ts";
import type { Random } from "../support/random.ts";
import { maxMessageBytes, type RequestHead } from "./model-server.ts";
import type { LinkEnd, Requests } from "./network.ts";
import type { Oracle } from "./oracle.ts";
import { timersOf } from "./virtual-clock.ts";

export type ModelClientOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: SessionLimits;
  readonly oracle: Oracle;
  readonly createToken: () => string;
  readonly openLink: () => LinkEnd;
  readonly requests: Requests<RequestHead>;
};

/** The client of the model: it dials at random, and never gives up before its session is over. */
export class ModelClient {
  readonly session: ClientSession;
  readonly options: ModelClientOptions;
  readonly #dialled = new Set<Dialled>();
  /** The next attach has a secret that is none. */
  isTampering = false;
  #isOver = false;

  constructor(options: ModelClientOptions) {
    this.options = options;
    const { limits, clock, oracle, createToken } = options;
    this.session = createClientSession(
      {
        ...limits,
        maxQueuedBytes: limits.maxUnacknowledgedBytes,
        maxQueuedMessages: limits.maxReplayMessages,
      },
      timersOf(clock),
      createToken,
      {
        message: (message) => oracle.clientReceived(message),
        closed: (end) => oracle.clientClosed(end),
        acknowledged: () => undefined,
        attached: (attached) => oracle.clientAttached(attached, this.session.answer?.session ?? ""),
        released: (code) => {
          this.#isOver = true;
          for (const dialled of this.#dialled) dialled.detach(code);
        },
        goaway: () => undefined,
      },
    );
  }

  dial(kind: "websocket" | AttachMode = this.options.random.pick(["websocket", "stream", "poll"])): void {
    if (this.#isOver || this.#dialled.size > 6) return;
    const dialled = kind === "websocket" ? new Socket(this) : new Exchange(this, kind);
    this.#dialled.add(dialled);
    dialled.start();
    const { clock, random } = this.options;
    clock.after(random.int(1500, 4000), () => {
      if (!dialled.isEnded && this.session.carrier !== dialled) dialled.detach(closeCodes.late);
    });
  }

  ended(dialled: Dialled): void {
    this.#dialled.delete(dialled);
    this.session.lose(dialled);
    if (this.#dialled.size === 0) this.#dialLater();
  }

  /** As it goes over the wire. */
  altered(record: AttachRecord): AttachRecord {
    if (!this.isTampering || record.secret === undefined || record.key === undefined) return record;
    this.isTampering = false;
    this.options.oracle.wasTamperedWith = true;
    return { ...record, secret: "a-secret-that-is-none" };
  }

  #dialLater(): void {
    const { clock, random } = this.options;
    clock.after(random.int(100, 1500), () => {
      if (this.#dialled.size === 0) this.dial();
    });
  }
}

abstract class Dialled implements ClientTransport {
  readonly mode: AttachMode | undefined;
  attach = 0;
  nextOutgoing = 1;
  nextIncoming = 1;
  isEnded = false;
  protected readonly client: ModelClient;

  constructor(client: ModelClient, mode?: AttachMode) {
    this.client = client;
    this.mode = mode;
  }

  attaching(): void {
    // Each has its time from when it was dialled.
  }

  abstract start(): void;
  abstract wake(): void;
  abstract write(record: ControlRecord): void;
  protected abstract abandon(code: number): void;

  detach(code: number): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.abandon(code);
    this.client.ended(this);
  }

  protected take(record: SessionRecord): void {
    if (!this.isEnded) this.client.session.receive(this, record);
  }
}

class Socket extends Dialled {
  readonly #end: LinkEnd;
  #isFlushing = false;

  constructor(client: ModelClient) {
    super(client);
    const decoder = new FrameDecoder();
    this.#end = client.options.openLink();
    this.#end.onClose = () => this.detach(1006);
    this.#end.onFrame = (frame) => {
      const record = decoder.read(frame);
      if (record === undefined) return;
      if (typeof record === "object" && "fault" in record) throw new Error(record.fault);
      this.take(record);
    };
  }

  start(): void {
    // Attached to before it is known here: what is written meanwhile is only the attach.
    this.client.session.attach(this);
  }

  write(record: ControlRecord): void {
    if (this.isEnded) return;
    const sent = record.type === "attach" ? this.client.altered(record) : record;
    for (const frame of framesOf(sent)) this.#end.send(frame);
  }

  wake(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const { clock, random } = this.client.options;
    clock.after(random.pick([0, 0, 20]), () => {
      this.#isFlushing = false;
      let left = random.int(1, 6);
      for (const item of this.client.session.items(this)) {
        for (const frame of framesOf(item)) this.#end.send(frame);
        left -= 1;
        if (left === 0) break;
      }
      if (left === 0) this.wake();
    });
  }

  protected abandon(code: number): void {
    this.#end.close(code);
  }
}

/** Polls or reads a stream, and sends by requests of which one is under way at a time. */
class Exchange extends Dialled {
  #abortDown: () => void = () => undefined;
  #pollCount = 0;
  #isSending = false;
  #hasToSay = false;

  start(): void {
    this.client.session.attach(this);
  }

  write(record: ControlRecord): void {
    if (this.isEnded) return;
    if (record.type === "attach") this.#attach(record);
    else {
      // An ack, a ping and a pong are all said by a request, be it without a message.
      this.#hasToSay = true;
      this.wake();
    }
  }

  wake(): void {
    this.client.options.clock.after(0, () => this.#send());
  }

  protected abandon(): void {
    this.#abortDown();
  }

  #attach(record: AttachRecord): void {
    this.#abortDown();
    const { session, secret } = this.client.altered({ ...record, ...this.client.session.answer, ...record });
    const credentials = session === undefined || secret === undefined ? undefined : { session, secret };
    this.#read(
      record,
      credentials === undefined ? undefined : encodeCredentials(credentials.session, credentials.secret),
    );
  }

  #read(record: ControlRecord, credentials: string | undefined): void {
    let isAborted = false;
    const decoder = new RecordDecoder(maxMessageBytes, (each) => {
      if (!isAborted) this.take(each);
    });
    const done = (isComplete: boolean): void => {
      if (isAborted) return;
      const isCarrying = this.client.session.carrier === this;
      if (this.mode === "poll" && isCarrying) this.#pollAgain(isComplete ? 0 : 200);
      else this.detach(1006);
    };
    const abort = this.client.options.requests.send({ credentials }, encodeRecord(record), {
      chunk: (bytes) => {
        const fault = decoder.push(bytes);
        if (fault !== undefined) throw new Error(fault.fault);
      },
      end: () => done(decoder.isBetweenRecords),
      failed: () => done(false),
    });
    this.#abortDown = () => {
      isAborted = true;
      abort();
    };
  }

  #pollAgain(delayMs: number): void {
    const { session, options } = this.client;
    const before = this.#pollCount;
    options.clock.after(delayMs, () => {
      if (this.isEnded || session.carrier !== this) return;
      // The one before failed, and was given up before that was noticed: one poll under way is enough.
      if (this.#pollCount !== before) return;
      this.#pollCount += 1;
      const poll = session.poll(this, this.#pollCount);
      this.#read(poll, session.answer && encodeCredentials(session.answer.session, session.answer.secret));
      const count = this.#pollCount;
      options.clock.after(options.limits.pollHoldMs + 3000, () => {
        if (this.#pollCount !== count || this.isEnded) return;
        this.#abortDown();
        this.#pollAgain(0);
      });
    });
  }

  #send(): void {
    const { session } = this.client;
    if (this.#isSending || this.isEnded || session.carrier !== this) return;
    const first = this.nextOutgoing;
    const records: Uint8Array[] = [];
    const most = this.client.options.random.int(1, 8);
    for (const item of session.items(this)) {
      records.push(encodeRecord(item));
      if (records.length === most) break;
    }
    if (records.length === 0 && !this.#hasToSay) return;
    this.#hasToSay = false;
    this.#isSending = true;
    const head = { type: "send", attach: this.attach, first, received: session.takeReceived() } as const;
    this.#try(Buffer.concat([encodeRecord(head), ...records]), 4);
  }

  /** The same request again when it fails: it may have arrived. */
  #try(body: Uint8Array, triesLeft: number): void {
    const { session, options } = this.client;
    if (this.isEnded || session.carrier !== this) return;
    let isDone = false;
    const fail = (): void => {
      if (isDone) return;
      isDone = true;
      abort();
      if (triesLeft > 1) options.clock.after(100, () => this.#try(body, triesLeft - 1));
      else this.detach(1006);
    };
    const decoder = new RecordDecoder(maxMessageBytes, (record) => {
      if (isDone || typeof record === "string" || !("type" in record)) return;
      isDone = true;
      this.take(record);
      if (record.type !== "ack") {
        this.detach(1006);
        return;
      }
      // It may have taken only a part.
      this.nextOutgoing = record.received + 1;
      this.#isSending = false;
      this.#send();
    });
    const credentials = session.answer && encodeCredentials(session.answer.session, session.answer.secret);
    const abort = options.requests.send({ credentials }, body, {
      chunk: (bytes) => decoder.push(bytes),
      end: fail,
      failed: fail,
    });
    options.clock.after(2500, fail);
  }
}
