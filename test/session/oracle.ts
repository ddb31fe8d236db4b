import type { SessionLimits } from "../../src/channel/session-limits.ts";
import type { Message } from "../../src/channel/message-type.ts";
import type { SessionEnd } from "../../src/session/ending.ts";
import type { Attached, ClientEnd } from "../../src/client/client-session.ts";
import type { ServerSession } from "../../src/session/server-session.ts";

/** Largest message of the model, with its overhead: one may stand above a bound. */
const largestBytes = 200 + 64;

type Known = {
  readonly sent: string[];
  /** The place in what the client sent of the last message that came. */
  lastFromClient: number;
  /** How many of its messages the client got. */
  delivered: number;
  end: SessionEnd | undefined;
  isDead: boolean;
};

/** Knows what each end was given, and throws when it is not what was promised. */
export class Oracle {
  readonly sessions = new Map<string, Known>();
  readonly #limits: SessionLimits;
  readonly #clientSent: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #cameFromClient = new Set<number>();
  #lastFromClient = -1;
  #uncertain = 0;
  #present: string | undefined;
  #clientEnd: ClientEnd | undefined;
  #hasDied = false;
  /** A secret was changed on its way: `denied` is right then, and the session is left to expire. */
  wasTamperedWith = false;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get clientEnd(): ClientEnd | undefined {
    return this.#clientEnd;
  }

  clientSent(message: Message): void {
    this.#places.set(keyOf(message), this.#clientSent.length);
    this.#clientSent.push(keyOf(message));
  }

  clientAttached({ resumed, reason, uncertain }: Attached, present: string): void {
    const before = this.#present === undefined ? undefined : this.sessions.get(this.#present);
    if (resumed) {
      check(present === this.#present, "another session is said to be resumed");
      check(uncertain === 0, "messages are uncertain in a session that is resumed");
      return;
    }
    if (before === undefined) check(reason === undefined, `the first session has the reason ${reason}`);
    else check(this.#reasonsFor(before).includes(reason), `told ${reason}, not ${this.#reasonsFor(before).join()}`);
    this.#uncertain += uncertain;
    this.#present = present;
  }

  clientReceived(message: Message): void {
    check(this.#clientEnd === undefined, "a message came behind the end");
    const session = this.#session(this.#present ?? "");
    const expected = session.sent[session.delivered];
    check(keyOf(message) === expected, `the client got ${keyOf(message)}, not ${expected}`);
    session.delivered += 1;
  }

  clientClosed(end: ClientEnd): void {
    check(this.#clientEnd === undefined, "the client was told twice of the end");
    this.#clientEnd = end;
    check(end.status !== "abnormal", `both ends keep to the protocol, but: ${end.reason}`);
    if (end.status === "server-close") {
      const session = this.#session(this.#present ?? "");
      check(session.delivered === session.sent.length, "the end came before the last messages");
    }
  }

  opened({ id }: { readonly id: string }): void {
    check(!this.sessions.has(id), "a session was announced twice");
    const open = [...this.sessions.values()].filter((each) => each.end === undefined && !each.isDead).length;
    // A copy of an attach that is late enough to meet another process looks like a client that is new.
    const mayBeSecond = this.wasTamperedWith || this.#hasDied;
    check(open === 0 || mayBeSecond, `a session was opened beside ${open} others of the same client`);
    this.sessions.set(id, { sent: [], lastFromClient: -1, delivered: 0, end: undefined, isDead: false });
  }

  serverSent(id: string, message: Message): void {
    this.#session(id).sent.push(keyOf(message));
  }

  serverReceived(id: string, message: Message): void {
    const session = this.#session(id);
    check(session.end === undefined, "a message came behind the end of its session");
    const place = this.#places.get(keyOf(message)) ?? -1;
    check(place >= 0 && !this.#cameFromClient.has(place), `${keyOf(message)} came again`);
    const isFirst = session.lastFromClient === -1;
    // A session whose client was denied lives on beside the next one, and what was sent to it may still come.
    const isInOrder = place > session.lastFromClient && (this.wasTamperedWith || place > this.#lastFromClient);
    check(isInOrder, `${keyOf(message)} came too late`);
    const isNext = place === (isFirst ? this.#lastFromClient : session.lastFromClient) + 1;
    check(
      isNext || (isFirst && (this.#uncertain > 0 || this.#wasClosed)),
      `a hole before ${keyOf(message)} of which nobody was told`,
    );
    session.lastFromClient = this.#lastFromClient = place;
    this.#cameFromClient.add(place);
  }

  serverClosed(id: string, end: SessionEnd): void {
    const session = this.#session(id);
    check(session.end === undefined, "a session was closed twice");
    check(end.cause !== "gap" && end.cause !== "fault", `both ends keep to the protocol, but: ${end.reason}`);
    session.end = end;
  }

  /** The process is gone, with all its sessions and without a word. */
  serverDied(): void {
    this.#hasDied = true;
    for (const session of this.sessions.values()) session.isDead = true;
  }

  checkBounds(session: Pick<ServerSession<Message>, "bufferedBytes">): void {
    // What was in flight when a transport was lost is still kept: nothing is added to it.
    const most = this.#limits.maxUnacknowledgedBytes + largestBytes;
    check(session.bufferedBytes <= most, `${session.bufferedBytes} bytes are kept, more than ${most}`);
  }

  checkGoneBytes(bytes: number): void {
    const most = this.#limits.maxTotalReplayBytes + largestBytes;
    check(bytes >= 0 && bytes <= most, `${bytes} bytes are kept for clients that are away`);
  }

  checkPresentBytes(bytes: number, sessions: readonly ServerSession<Message>[]): void {
    const present = sessions.filter(({ attachment }) => attachment !== undefined);
    const kept = present.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
    check(bytes === kept, `${bytes} bytes are counted for clients that are there, and ${kept} are kept`);
  }

  /** Just behind a send: with an attach there may be more, until the next one. */
  checkSent(presentBytes: number): void {
    const most = this.#limits.maxTotalUnacknowledgedBytes;
    check(presentBytes <= most, `${presentBytes} bytes are kept for clients that are there`);
  }

  /** When the network is well again, and enough time has passed. */
  get isDelivered(): boolean {
    if (this.#clientEnd !== undefined) return true;
    const session = this.sessions.get(this.#present ?? "");
    if (session === undefined || session.end !== undefined || session.isDead) return false;
    if (session.delivered < session.sent.length) return false;
    const missing = this.#clientSent.length - this.#cameFromClient.size;
    return missing <= this.#uncertain || this.#wasClosed;
  }

  /** When every session has had the time to end. */
  checkEnded(): void {
    for (const [id, { end, isDead }] of this.sessions) {
      check(isDead || end !== undefined, `session ${id} was announced and never closed`);
    }
    check(this.#clientEnd !== undefined, "the client was never told of the end");
  }

  /** What came while the server was closing was dropped, and its client need not have learnt of the end. */
  get #wasClosed(): boolean {
    return [...this.sessions.values()].some(({ end }) => end?.cause === "local");
  }

  #session(id: string): Known {
    const session = this.sessions.get(id);
    if (session === undefined) throw new Error("nobody announced this session");
    return session;
  }

  /** More than one can be right: the answer may have been on its way when more happened. */
  #reasonsFor({ end, isDead }: Known): (string | undefined)[] {
    const causes = end?.cause === "overflow" || end?.cause === "gap" ? [end.cause] : [];
    const expired = isDead || (end !== undefined && causes.length === 0) ? ["expired"] : [];
    return [...causes, ...expired, ...(this.wasTamperedWith ? ["denied"] : [])];
  }
}

function check(holds: boolean, violation: string): void {
  if (!holds) throw new Error(violation);
}

function keyOf(message: Message): string {
  return typeof message === "string" ? `text ${message}` : `bytes ${Buffer.from(message).toString("latin1")}`;
}
