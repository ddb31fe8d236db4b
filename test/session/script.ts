import { defaultClientLimits } from "../../src/channel/client-limits.ts";
import { defaultSessionLimits, type SessionLimits } from "../../src/channel/session-limits.ts";
import type { Message } from "../../src/channel/message-type.ts";
import type { AttachRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import type { Attachment } from "../../src/session/attachment.ts";
import type { SessionEvents } from "../../src/session/session-options.ts";
import type { Attached, ClientEnd, ClientSession } from "../../src/client/client-session.ts";
import { createClientSession } from "../../src/client/create-client-session.ts";
import type { SessionEnd } from "../../src/session/ending.ts";
import type { ServerSession } from "../../src/session/server-session.ts";
import type { Refusal } from "../../src/session/refusal.ts";
import { type Carrying, SessionRegistry } from "../../src/session/session-registry.ts";
import type { Transport } from "../../src/session/transport.ts";
import { ClientAttachment } from "./client-attachment.ts";
import { timersOf, VirtualClock, waiterClock } from "./virtual-clock.ts";

const key = "the-key-of-a-client";

/** A transport that only notes what it is told. */
export class NotedTransport implements Transport {
  readonly written: ControlRecord[] = [];
  readonly detached: number[] = [];

  wake(): void {
    // What waits is taken by the test.
  }

  write(record: ControlRecord): void {
    this.written.push(record);
  }

  detach(code: number): void {
    this.detached.push(code);
  }

  /** The last record of a type. */
  last<Type extends ControlRecord["type"]>(type: Type): Extract<ControlRecord, { type: Type }> {
    const record = this.written.findLast((each) => each.type === type);
    if (record === undefined) throw new Error(`no ${type} was written`);
    return record as Extract<ControlRecord, { type: Type }>;
  }

  count(type: ControlRecord["type"]): number {
    return this.written.filter((each) => each.type === type).length;
  }
}

/** One attach of a script, and what came of it. */
export type Attempt = { readonly transport: NotedTransport; readonly attachment: Attachment<Message> };

/** A server whose sessions are driven step by step. */
export class ScriptedServer {
  readonly clock = new VirtualClock();
  readonly registry: SessionRegistry<Message, string>;
  readonly sessions: ServerSession<Message>[] = [];
  readonly messages: Message[] = [];
  readonly ends: SessionEnd[] = [];
  readonly #opened: (session: ServerSession<Message>) => void;
  #tokens = 0;

  constructor(
    limits: Partial<SessionLimits> = {},
    opened: (session: ServerSession<Message>) => void = () => undefined,
  ) {
    this.registry = new SessionRegistry<Message, string>({
      limits: { ...defaultSessionLimits, maxMessageBytes: 1000, ...limits },
      clock: waiterClock(this.clock),
      sizeOf: (message) => Buffer.byteLength(message),
      shareOf: (_message, bytes) => bytes,
      createId: () => this.#token("session"),
      secrets: { create: () => this.#token("secret"), hash: (secret) => `#${secret}`, isEqual: (a, b) => a === b },
    });
    this.#opened = opened;
  }

  attach(record: Partial<AttachRecord>, owner = "ada"): Attempt {
    const { transport, result } = this.tryAttach(record, owner);
    if ("code" in result) throw new Error(`refused: ${result.code}`);
    return { transport, attachment: result.attachment };
  }

  tryAttach(
    record: Partial<AttachRecord>,
    owner = "ada",
  ): { transport: NotedTransport; result: Carrying<Message> | Refusal } {
    const transport = new NotedTransport();
    const full: AttachRecord = { type: "attach", attach: 1, received: 0, key, ...record };
    return { transport, result: this.registry.attach({ record: full, owner, transport, opened: this.opened }) };
  }

  readonly opened = (session: ServerSession<Message>): SessionEvents => {
    this.sessions.push(session);
    this.#opened(session);
    return this.#events();
  };

  #events(): SessionEvents {
    return {
      message: (message) => this.messages.push(message),
      closed: (end) => this.ends.push(end),
      acknowledged: () => undefined,
      left: () => undefined,
    };
  }

  #token(kind: string): string {
    this.#tokens += 1;
    return `${kind}-number-${this.#tokens}`;
  }
}

/** One attach of a client, and the transport that it stands for. */
export type ClientAttempt = { readonly transport: NotedTransport; readonly attachment: ClientAttachment };

/** A client that is driven step by step. */
export class ScriptedClient {
  readonly clock = new VirtualClock();
  readonly session: ClientSession;
  readonly told: Attached[] = [];
  readonly messages: Message[] = [];
  readonly ends: ClientEnd[] = [];
  readonly goaways: number[] = [];
  /** The code of the release, and who ended the session. */
  readonly releases: [number, ClientEnd["status"]][] = [];
  readonly #attempts: ClientAttempt[] = [];

  /** @param newKey - the keys that it has, if not any number of them */
  constructor(newKey?: () => string | undefined, protocols?: readonly string[]) {
    let keys = 0;
    this.session = createClientSession(
      { ...defaultClientLimits, maxQueuedMessages: 1000 },
      timersOf(this.clock),
      newKey ?? (() => `key-of-the-client-${++keys}`),
      {
        message: (message) => this.messages.push(message),
        closed: (end) => this.ends.push(end),
        acknowledged: () => undefined,
        attached: (attached) => this.told.push(attached),
        released: (code, reason, { status }) => {
          this.releases.push([code, status]);
          for (const { attachment } of this.#attempts) attachment.detach(code, reason);
        },
        goaway: (afterMs) => this.goaways.push(afterMs),
      },
      protocols,
    );
  }

  send(text: string): boolean {
    return this.session.send(text, Buffer.byteLength(text));
  }

  attach(): ClientAttempt {
    const transport = new NotedTransport();
    const attempt = { transport, attachment: new ClientAttachment(this.session, transport) };
    this.#attempts.push(attempt);
    this.session.attach(attempt.attachment);
    return attempt;
  }

  /** Answers the latest attach of a transport. */
  answer(
    { transport, attachment }: ClientAttempt,
    answer: Partial<Extract<ControlRecord, { type: "attached" }>> = {},
  ): void {
    attachment.receive({
      type: "attached",
      attach: transport.last("attach").attach,
      session: "session-number-1",
      secret: "secret-number-1",
      resumed: false,
      received: 0,
      first: 1,
      pingIntervalMs: 25_000,
      pongTimeoutMs: 10_000,
      pollHoldMs: 20_000,
      resumeWindowMs: 120_000,
      maxMessageBytes: 1000,
      ...answer,
    });
  }
}
