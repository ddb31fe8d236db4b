import { randomKey } from "../client/random.ts";
import type {
  AttachedRecord,
  AttachMode,
  AttachRecord,
  CloseRecord,
  ControlRecord,
} from "../protocol/control-record.ts";
import type { SessionCredentials } from "../protocol/http-fields.ts";
import { isControl } from "../protocol/is-control.ts";
import type { SessionRecord } from "../protocol/record-codec.ts";
import type { Outcome } from "./arrivals.ts";
import { Cookies } from "./cookies.ts";
import { dial, type Line, type Refused } from "./dial.ts";
import { type Failure, post, type Reply } from "./post.ts";
import type { Target } from "./target.ts";

/** What became of an attach. Without a transport there is nothing to hear over. */
export type Attempt<Transport, Without> =
  | { readonly transport: Transport; readonly outcome: Outcome<"attached"> }
  | { readonly transport: Without; readonly outcome?: undefined };

/**
 * One session, of which the application sees that somebody came, said nothing, and left.
 *
 * Its secret stays in here. Messages of the application are counted, since an attach says how many came.
 */
export class Visit {
  readonly #target: Target;
  readonly #cookies: Cookies;
  #attaches = 0;
  #polls = 0;
  #received = 0;
  #key: string = randomKey();
  #credentials: SessionCredentials | undefined;
  /** Whether the server may have a session of this visit. */
  #mayBeOpen = false;
  #answer: AttachedRecord | undefined;
  #closed: CloseRecord | undefined;

  constructor(target: Target) {
    const { cookie = "", ...headers } = target.headers;
    this.#target = { ...target, headers };
    this.#cookies = new Cookies(cookie, target.url.pathname);
  }

  /** The latest answer, without what proves the right to the session. */
  get terms(): Pick<AttachedRecord, "pingIntervalMs" | "pollHoldMs" | "maxMessageBytes"> | undefined {
    return this.#answer;
  }

  /** How the application has closed the session, until another is opened. */
  get closed(): CloseRecord | undefined {
    return this.#closed;
  }

  async attachOverHttp(mode: AttachMode): Promise<Attempt<Reply, Failure>> {
    const { limitMs } = this.#target;
    const { session: _session, secret: _secret, ...record } = this.#nextAttach();
    const reply = await this.#post([{ ...record, mode }], limitMs);
    if (reply.what === "failure") return { transport: reply };
    const outcome = await reply.arrivals.until("attached", limitMs);
    return { transport: reply, outcome };
  }

  async attachOverWebSocket(): Promise<Attempt<Line, Refused | Failure>> {
    const { limitMs, token } = this.#target;
    const line = await dial(this.#target, { limitMs, headers: this.#fields(), take: this.#counter() });
    if (line.what !== "line") return { transport: line };
    this.#cookies.take(line.headers);
    line.write({ ...this.#nextAttach(), token });
    return { transport: line, outcome: await line.arrivals.until("attached", limitMs) };
  }

  /** Asks for messages, and is answered after `holdMs` at the latest. */
  poll(holdMs: number): Promise<Reply | Failure> {
    const record = { type: "poll", attach: this.#attaches, poll: ++this.#polls, received: this.#received } as const;
    return this.#post([{ ...record, holdMs }], holdMs + this.#target.limitMs, this.#received);
  }

  /** Says something without a message, as an answer to a ping is said over HTTP. */
  acknowledge(): Promise<Reply | Failure> {
    return this.#post([this.#send(this.#attaches)], this.#target.limitMs);
  }

  /**
   * Sends a message that no application gets: it names an attach that does not carry the session, and the server says so
   * (4001), after it has read all.
   */
  sendInVain(bytes: number): Promise<Reply | Failure> {
    return this.#post([this.#send(this.#attaches + 1), new Uint8Array(bytes)], 2 * this.#target.limitMs);
  }

  /** Closes the session, if there may be one, by requests, which work wherever any transport does. */
  async leave(): Promise<void> {
    if (!this.#mayBeOpen) return;
    // What carried it is gone. An answer that was lost opened a session all the same, which the key, or the secret before, still finds.
    const { transport, outcome } = await this.attachOverHttp("poll");
    if (transport.what === "reply") transport.hangUp();
    if (outcome?.what !== "record") return;
    const close: ControlRecord = { type: "close", code: 1000, reason: "" };
    const reply = await this.#post([this.#send(this.#attaches), close], this.#target.limitMs);
    if (reply.what !== "reply") return;
    await reply.arrivals.until("ack", this.#target.limitMs);
    reply.hangUp();
  }

  #nextAttach(): AttachRecord {
    this.#attaches += 1;
    this.#polls = 0;
    this.#mayBeOpen = true;
    this.#closed = undefined;
    // Without a key no session is opened in place of one that this server does not know.
    const who = this.#credentials ?? { key: this.#key };
    return { type: "attach", attach: this.#attaches, received: this.#received, ...who };
  }

  #send(attach: number): ControlRecord {
    return { type: "send", attach, first: 1, received: this.#received };
  }

  async #post(records: readonly SessionRecord[], limitMs: number, received?: number): Promise<Reply | Failure> {
    const ofVisit = { credentials: this.#credentials, headers: this.#fields(), take: this.#counter(received) };
    const reply = await post(this.#target, records, { limitMs, ...ofVisit });
    if (reply.what === "reply") this.#cookies.take(reply.headers);
    return reply;
  }

  #fields(): Readonly<Record<string, string>> {
    const { field } = this.#cookies;
    return field === undefined ? {} : { cookie: field };
  }

  /** Counts the numbered records of one response, or of one WebSocket. */
  #counter(received?: number): (record: SessionRecord) => void {
    let position = received;
    return (record) => {
      const type = isControl(record) ? record.type : "message";
      if (isControl(record) && record.type === "attached") {
        if (record.attach !== this.#attaches) return;
        this.#answer = record;
        this.#credentials = { session: record.session, secret: record.secret };
        if (!record.resumed) this.#received = 0;
        position = record.first - 1;
      } else if (position !== undefined && (type === "message" || type === "close")) {
        position += 1;
        this.#received = Math.max(this.#received, position);
        if (isControl(record) && record.type === "close") this.#isOver(record);
      }
    };
  }

  /** The application has closed the session: the next attach opens another. */
  #isOver(close: CloseRecord): void {
    this.#closed = close;
    this.#credentials = undefined;
    this.#key = randomKey();
    this.#received = 0;
    this.#mayBeOpen = false;
  }
}
