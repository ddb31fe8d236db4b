import type { ClientStatus } from "../../src/client.ts";
import type { Message } from "../../src/index.ts";
import { Condition } from "../support/condition.ts";

type Opened = Extract<ClientStatus, { state: "open" }>;

/** One session as the server had it. */
type Known = { readonly sent: Message[]; end: string | undefined; hasReceived: boolean };

/** The first message of each session says which one it is: the client is told of a new one, but not of its name. */
const greeting = (index: number): string => `session ${index}`;

/**
 * Knows what both ends have sent, and notes whatever came otherwise than promised: each message once and in order, and
 * a hole only behind an announcement to both ends.
 *
 * It notes and does not throw: it is called by handlers, whose errors would end up elsewhere.
 */
export class Oracle {
  readonly violations: string[] = [];
  readonly announced: Opened[] = [];
  readonly #condition = new Condition();
  readonly #fromClient: Message[] = [];
  readonly #sessions: Known[] = [];
  #nextFromClient = 0;
  /** Messages of the client that may be missing where the next session begins, as it was told. */
  #uncertain = 0;
  /** The session whose messages the client takes. Undefined: it has been told of a new one, and waits for its greeting. */
  #present: number | undefined;
  #delivered = 0;
  #latest = -1;

  /** How the sessions of the server ended, in their order. */
  get ends(): (string | undefined)[] {
    return this.#sessions.map(({ end }) => end);
  }

  /** How many messages came, at either end. */
  get progress(): number {
    return this.#nextFromClient + this.#delivered;
  }

  /** Whether both ends have all that was sent since they were last told of a new session. */
  get isDelivered(): boolean {
    const { sent } = this.#sessions[this.#present ?? -1] ?? {};
    return this.#delivered === sent?.length && this.#nextFromClient === this.#fromClient.length;
  }

  /** Resolves when this holds; rejects with the first violation. */
  async until(holds: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const attempt = (): true | undefined => {
      const [violation] = this.violations;
      if (violation !== undefined) throw new Error(violation);
      return holds() || undefined;
    };
    const atTimeout = (): never => {
      throw new Error(`not in ${timeoutMs} ms: ${what}; ${this.#describe()}`);
    };
    await this.#condition.until(attempt, { timeoutMs, atTimeout });
  }

  /** Something happened that a wait may be for. */
  changed(): void {
    this.#condition.changed();
  }

  clientSends(message: Message): void {
    this.#fromClient.push(message);
  }

  /** Said before any message that comes in this session. */
  clientOpened(opened: Opened): void {
    if (!opened.resumed) {
      this.announced.push(opened);
      this.#uncertain = opened.uncertain;
      this.#present = undefined;
    }
    this.changed();
  }

  clientReceived(message: Message): void {
    if (this.#present === undefined) this.#begin(message);
    else {
      const expected = this.#sessions[this.#present]?.sent[this.#delivered];
      this.#check(isSame(message, expected), `the client got ${show(message)}, not ${show(expected)}`);
    }
    this.#delivered += 1;
    this.changed();
  }

  /** @returns the number of the session, and the message to send before all others */
  serverOpened(): { readonly index: number; readonly greeting: string } {
    const index = this.#sessions.length;
    this.#sessions.push({ sent: [greeting(index)], end: undefined, hasReceived: false });
    return { index, greeting: greeting(index) };
  }

  serverSends(index: number, message: Message): void {
    this.#session(index).sent.push(message);
  }

  serverReceived(index: number, message: Message): void {
    const session = this.#session(index);
    this.#check(session.end === undefined, `${show(message)} came behind the end of its session`);
    // What the client was told may be lost can be missing before the first message of a session, and nowhere else.
    const mayMiss = session.hasReceived || index === 0 ? 0 : this.#uncertain;
    const from = this.#nextFromClient;
    const place = this.#fromClient.findIndex((sent, at) => at >= from && at <= from + mayMiss && isSame(message, sent));
    this.#check(place >= 0, `the server got ${show(message)}, not ${show(this.#fromClient[from])}`);
    session.hasReceived = true;
    this.#nextFromClient = Math.max(place, from) + 1;
    this.changed();
  }

  serverClosed(index: number, end: string): void {
    const session = this.#session(index);
    this.#check(session.end === undefined, "a session was closed twice");
    session.end = end;
    this.changed();
  }

  #begin(message: Message): void {
    const index = this.#sessions.findIndex((_, at) => message === greeting(at));
    this.#check(index > this.#latest, `a session began with ${show(message)}`);
    this.#present = this.#latest = index;
    this.#delivered = 0;
  }

  #session(index: number): Known {
    const session = this.#sessions[index];
    if (session === undefined) throw new Error(`nobody announced session ${index}`);
    return session;
  }

  #check(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(`${violation}; ${this.#describe()}`);
    if (!holds) this.changed();
  }

  #describe(): string {
    const sent = this.#sessions.map((session) => session.sent.length);
    return (
      `the server has ${this.#nextFromClient} of ${this.#fromClient.length}, ` +
      `the client ${this.#delivered} of ${sent.join(" + ")}, it was told of ${this.announced.length} sessions`
    );
  }
}

function isSame(a: Message, b: Message | undefined): boolean {
  if (b === undefined || typeof a !== typeof b) return false;
  return typeof a === "string" ? a === b : Buffer.compare(a, b as Uint8Array) === 0;
}

function show(message: Message | undefined): string {
  if (message === undefined) return "nothing";
  const text = typeof message === "string" ? message : Buffer.from(message).toString("latin1");
  return `${typeof message === "string" ? "text" : "bytes"} ${JSON.stringify(text.slice(0, 12))} (${text.length})`;
}
