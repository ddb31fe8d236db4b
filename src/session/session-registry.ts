import type { AttachRecord, ResetReason } from "../protocol/control-record.ts";
import type { SessionCredentials } from "../protocol/http-fields.ts";
import type { Attachment } from "./attachment.ts";
import type { SessionEvents, SessionOptions } from "./session-options.ts";
import { EndedSessions } from "./ended-sessions.ts";
import { GoneSessions } from "./gone-sessions.ts";
import { PresentBytes } from "./present-bytes.ts";
import { busy, type Refusal, superseded, unknown } from "./refusal.ts";
import { OpeningRates } from "./opening-rates.ts";
import { ResumeSecret, type SecretTools } from "./resume-secret.ts";
import { ServerSession, type SessionKeeper } from "./server-session.ts";
import { SessionShares } from "./session-shares.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { Transport } from "./transport.ts";

/** What the sessions of one server share. */
export type RegistryOptions<Item, Hash> = SessionOptions<Item> & {
  readonly secrets: SecretTools<Hash>;
  /** 128 random bits, of the letters that a token may have. */
  readonly createId: () => string;
};

/** Who asks: a session belongs to one owner, and is `denied` to all others. */
export type AttachRequest<Item> = {
  readonly record: AttachRecord;
  readonly owner: string;
  /** Where it asks from, as sessions are counted; empty: not known. */
  readonly address?: string;
  readonly transport: Transport;
  /** When, in milliseconds since any moment. Default: by the clock of the sessions, which may stand still while none waits. */
  readonly atMs?: number;
  /** The subprotocols that the application speaks, the best first: a new session has the first of them that is offered. */
  readonly protocols?: readonly string[];
  /** A session begins: called if none is resumed, while the transport carries it. */
  readonly opened: (session: ServerSession<Item>) => SessionEvents;
};

/** What an attach got. */
export type Carrying<Item> = { readonly session: ServerSession<Item>; readonly attachment: Attachment<Item> };

type Kept<Item, Hash> = {
  readonly session: ServerSession<Item>;
  readonly owner: string;
  readonly address: string;
  readonly key: string;
  readonly secret: ResumeSecret<Hash>;
  /** Its client has used a secret: from then on the key, which never changes, opens nothing. */
  isProven: boolean;
  /** How often it may be attached to again. Undefined: it never was. */
  attaches: TokenBucket | undefined;
};

/** All sessions of a server: which one an attach gets, and how long each is kept. */
export class SessionRegistry<Item, Hash> {
  readonly #options: RegistryOptions<Item, Hash>;
  readonly #sessions = new Map<string, Kept<Item, Hash>>();
  readonly #byKey = new Map<string, Kept<Item, Hash>>();
  readonly #gone: GoneSessions<Item>;
  readonly #present: PresentBytes;
  readonly #ofOwners: SessionShares<Item>;
  readonly #ofAddresses: SessionShares<Item>;
  readonly #openingRates: OpeningRates;
  readonly #ended: EndedSessions;
  readonly #keeper: SessionKeeper<Item>;

  constructor(options: RegistryOptions<Item, Hash>) {
    this.#options = options;
    const { limits, clock } = options;
    this.#gone = new GoneSessions(limits, clock);
    this.#present = new PresentBytes(limits.maxTotalUnacknowledgedBytes);
    this.#ofOwners = new SessionShares(limits.maxSessionsPerOwner);
    this.#ofAddresses = new SessionShares(limits.maxSessionsPerAddress);
    this.#openingRates = new OpeningRates(limits.maxNewSessionsPerAddress, limits.maxSessions);
    this.#ended = new EndedSessions(limits.maxEndedSessions);
    this.#keeper = {
      present: this.#present,
      crowded: () => this.#present.cutOff(this.#all()),
      gone: (session) => this.#isGone(session),
      grew: (session, bytes) => this.#gone.grew(session, bytes),
      returned: (session) => this.#isBack(session),
      released: (session) => this.#forget(session),
    };
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes that wait for clients that are away. */
  get goneBytes(): number {
    return this.#gone.bytes;
  }

  /** Bytes that clients have not acknowledged that are there. */
  get presentBytes(): number {
    return this.#present.bytes;
  }

  /** Resumes the session that an attach names, or says why not and opens another. */
  attach(request: AttachRequest<Item>): Carrying<Item> | Refusal {
    const { record, owner } = request;
    const named = record.session === undefined ? undefined : this.#sessions.get(record.session);
    // Before its secret is looked at: a late one has an old secret, and must not open a session as one who is denied.
    if (record.attach <= this.#highestAttachOf(record.session, named, owner)) return superseded;
    const reason = this.#whyNot(record, named, owner);
    if (named !== undefined && reason === undefined) {
      if (!this.#mayAttachAgain(named, request)) return busy;
      named.isProven = true;
      return this.#attach(named, request, undefined);
    }
    if (named !== undefined && reason === "gap") {
      // What asks goes on, with another session, also where it carried this one.
      const { attachment } = named.session;
      if (attachment?.transport === request.transport) attachment.lost();
      named.session.drop("gap");
    }
    return this.#attachToNew(request, reason);
  }

  /**
   * The session that a poll or a send belongs to. Undefined: there is none for these credentials.
   *
   * Whose it is was asked when it was attached to; only who attached has the present secret.
   */
  find({ session, secret }: SessionCredentials): ServerSession<Item> | undefined {
    const kept = this.#sessions.get(session);
    if (kept?.secret.check(secret) !== true) return undefined;
    kept.isProven = true;
    return kept.session;
  }

  /** The number of the end of a session that its client closed, which may not know yet that it has come. */
  receivedEndOf(session: string): number | undefined {
    return this.#ended.byId(session)?.received;
  }

  *#all(): Iterable<ServerSession<Item>> {
    for (const { session } of this.#sessions.values()) yield session;
  }

  /** Why the session that an attach names cannot be resumed. Undefined: it can, or none is named. */
  #whyNot(record: AttachRecord, named: Kept<Item, Hash> | undefined, owner: string): ResetReason | undefined {
    const { session, secret, received, gap } = record;
    if (session === undefined) return undefined;
    if (named === undefined) return this.#ended.byId(session, owner)?.reason ?? "expired";
    if (named.owner !== owner || !named.secret.check(secret ?? "")) return "denied";
    return gap === true || received > named.session.sent ? "gap" : undefined;
  }

  #highestAttachOf(id: string | undefined, named: Kept<Item, Hash> | undefined, owner: string): number {
    if (named !== undefined) return named.owner === owner ? named.session.highestAttach : 0;
    return id === undefined ? 0 : (this.#ended.byId(id, owner)?.highestAttach ?? 0);
  }

  #attachToNew(request: AttachRequest<Item>, reason: ResetReason | undefined): Carrying<Item> | Refusal {
    const { attach } = request.record;
    if (request.record.key === undefined) return unknown;
    const key = keyOf(request.record.key, request.owner);
    const opened = this.#byKey.get(key);
    const highestAttach = opened?.session.highestAttach ?? this.#ended.byKey(key, request.owner)?.highestAttach ?? 0;
    if (attach <= highestAttach) return superseded;
    if (opened?.isProven === true) return unknown;
    const isAllowed = opened === undefined ? this.#makeRoom(request) : this.#mayAttachAgain(opened, request);
    if (!isAllowed) return busy;
    const kept = opened ?? this.#create(key, request);
    // The client has nothing of this session yet, whatever it has of the one it named.
    const carrying = this.#attach(kept, request, { reason });
    // Behind the attach, so that what is sent when it opens is not held to belong to a client that is away.
    if (opened === undefined) kept.session.open(request.opened(kept.session));
    return carrying;
  }

  #attach(
    { session, secret }: Kept<Item, Hash>,
    { record, transport }: AttachRequest<Item>,
    reset: { readonly reason: ResetReason | undefined } | undefined,
  ): Carrying<Item> | Refusal {
    const attachment = session.attach({
      transport,
      attach: record.attach,
      received: reset === undefined ? record.received : 0,
      mode: record.mode,
      secret: secret.rotate(),
      reset,
    });
    // It was closed, and this said that the client has everything: there is nothing to carry.
    return session.isOver ? unknown : { session, attachment };
  }

  #mayAttachAgain(kept: Kept<Item, Hash>, { atMs = this.#options.clock.now() }: AttachRequest<Item>): boolean {
    const most = this.#options.limits.maxAttachesPerMinute;
    kept.attaches ??= new TokenBucket(most, most / 60_000, atMs);
    return kept.attaches.take(atMs);
  }

  /** Ends a session that is left, if it takes that: of the one who asks first, who else could end those of all others. */
  #makeRoom({ owner, address = "", atMs = this.#options.clock.now() }: AttachRequest<Item>): boolean {
    const { maxSessions } = this.#options.limits;
    const isAbleTo = this.size < maxSessions || !this.#gone.isEmpty;
    // All three first: none may end for one who is refused all the same.
    if (!isAbleTo || !this.#ofOwners.canTake(owner) || !this.#ofAddresses.canTake(address)) return false;
    if (!this.#openingRates.take(address, atMs)) return false;
    this.#ofOwners.makeRoom(owner);
    this.#ofAddresses.makeRoom(address);
    if (this.size >= maxSessions) this.#gone.dropLongest();
    return true;
  }

  #create(key: string, { owner, address = "", record, protocols }: AttachRequest<Item>): Kept<Item, Hash> {
    const protocol = protocols?.find((each) => record.protocols?.includes(each));
    const names = { id: this.#options.createId(), protocol };
    const session = new ServerSession<Item>(names, this.#keeper, this.#options);
    const secret = new ResumeSecret(this.#options.secrets);
    const kept = { session, owner, address, key, secret, isProven: false, attaches: undefined };
    this.#sessions.set(session.id, kept);
    this.#byKey.set(key, kept);
    this.#ofOwners.add(owner);
    this.#ofAddresses.add(address);
    return kept;
  }

  #isGone(session: ServerSession<Item>): void {
    const { owner = "", address = "" } = this.#sessions.get(session.id) ?? {};
    this.#ofOwners.gone(owner, session);
    this.#ofAddresses.gone(address, session);
    this.#gone.add(session);
  }

  #isBack(session: ServerSession<Item>): void {
    const { owner = "", address = "" } = this.#sessions.get(session.id) ?? {};
    this.#ofOwners.returned(owner, session);
    this.#ofAddresses.returned(address, session);
    this.#gone.delete(session);
  }

  #forget(session: ServerSession<Item>): void {
    this.#gone.delete(session);
    const kept = this.#sessions.get(session.id);
    if (kept === undefined) return;
    this.#sessions.delete(session.id);
    this.#byKey.delete(kept.key);
    this.#ofOwners.remove(kept.owner, session);
    this.#ofAddresses.remove(kept.address, session);
    const cause = session.end?.cause;
    const reason = cause === "overflow" || cause === "gap" ? cause : "expired";
    const received = cause === "peer" ? session.takeReceived() : undefined;
    const { owner, key } = kept;
    this.#ended.add(session.id, key, { reason, owner, highestAttach: session.highestAttach, received });
  }
}

/**
 * A key counts for one user: a client whose user changes before it has an answer asks with the same key, and the session
 * that it opened before is none of the later user's. In a key there is no space.
 */
function keyOf(key: string, owner: string): string {
  return owner === "" ? key : `${key} ${owner}`;
}
