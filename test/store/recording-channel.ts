import { Socket } from "node:net";
import { BaseChannel } from "../../src/channel/base-channel.ts";
import { closedHere } from "../../src/channel/status.ts";
import type { ChannelKind } from "../../src/channel/channel-kind.ts";
import type { ChannelError } from "../../src/channel/errors.ts";
import { resolveLimits } from "../../src/channel/limits.ts";
import { OutputBudget } from "../../src/channel/output-budget.ts";
import { Outbox } from "../../src/channel/outbox.ts";
import type { Outgoing } from "../../src/channel/outgoing.ts";
import type { Encoder, Payload } from "../../src/channel/payload.ts";

/** Faults that were reported for any of the channels below. */
export const reported: ChannelError[] = [];

const limits = resolveLimits();
const environment = {
  limits,
  budget: new OutputBudget(limits, () => undefined),
  report: (error: ChannelError) => void reported.push(error),
  serverHeader: undefined,
};

/** Nothing is ever appended to it: a send is taken at once. */
const unusedOutbox = new Outbox(new Socket(), environment);

/** How often each wire format was encoded, whatever the number of receivers. */
export const encoded: Record<ChannelKind, number> = { websocket: 0, "http-streaming": 0, "long-polling": 0 };

const encoders: Record<ChannelKind, Encoder> = {
  websocket: (payload) => encode("websocket", payload),
  "http-streaming": (payload) => encode("http-streaming", payload),
  "long-polling": (payload) => encode("long-polling", payload),
};

function encode(kind: ChannelKind, payload: Payload): Buffer {
  encoded[kind] += 1;
  return Buffer.from(`${kind} ${payload.bytes.toString("utf8")}`);
}

/** A channel without a network, for what takes thousands of members or of runs: it keeps what it is sent. */
export class RecordingChannel extends BaseChannel {
  readonly name: string;
  readonly received: string[] = [];
  /** The very objects it was given: members that share an encoding share these. */
  readonly wire: Buffer[] = [];
  readonly #isWebSocket: boolean;
  #isStreaming: boolean;

  constructor(name: string, kind: ChannelKind) {
    super(new Request(`http://localhost/${encodeURIComponent(name)}`), environment);
    this.name = name;
    this.#isWebSocket = kind === "websocket";
    this.#isStreaming = kind === "http-streaming";
  }

  override get kind(): ChannelKind {
    if (this.#isWebSocket) return "websocket";
    return this.#isStreaming ? "http-streaming" : "long-polling";
  }

  override get isWebSocket(): boolean {
    return this.#isWebSocket;
  }

  /** The peer goes away. */
  leave(): void {
    this.finish(closedHere(), true);
  }

  override fail(): void {
    this.finish(closedHere(1011), true);
  }

  protected override get mailbox(): undefined {
    return undefined;
  }

  protected override get outbox(): Outbox {
    return unusedOutbox;
  }

  override overflow(): void {
    this.finish(closedHere(1013), true);
  }

  protected override check(): void {
    // Takes anything.
  }

  protected override transmit({ body }: Outgoing, close: boolean): boolean {
    return this.#take(typeof body === "string" ? body : "", close);
  }

  protected override transmitShared(payload: Payload, close: boolean): boolean {
    this.wire.push(payload.encodedBy(encoders[this.kind]));
    return this.#take(payload.bytes.toString("utf8"), close);
  }

  protected override end(code: number, reason: string): void {
    this.finish(closedHere(code, reason), true);
  }

  #take(text: string, close: boolean): boolean {
    this.received.push(text);
    if (close) this.finish(closedHere(), true);
    else this.#isStreaming = !this.#isWebSocket;
    return true;
  }
}
