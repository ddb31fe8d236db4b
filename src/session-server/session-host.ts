import { hash, randomFillSync, timingSafeEqual } from "node:crypto";
import type { Environment } from "../channel/environment.ts";
import type { ErrorListener } from "../channel/errors.ts";
import type { Message } from "../channel/message-type.ts";
import type { SessionLimits } from "../channel/session-limits.ts";
import type { AttachRecord } from "../protocol/control-record.ts";
import { secondTickMs } from "../protocol/stream-tick.ts";
import { addressBlock } from "../server/address-block.ts";
import { runUse } from "../server/opening.ts";
import { ServedRequest } from "../server/served-request.ts";
import { stale } from "../session/refusal.ts";
import type { SessionEnd } from "../session/ending.ts";
import type { SessionEvents } from "../session/session-options.ts";
import type { ServerSession } from "../session/server-session.ts";
import { SessionRegistry } from "../session/session-registry.ts";
import { Derived } from "./derived.ts";
import { Expiries } from "./expiries.ts";
import { Admission, type Admitted, type Authorize } from "./admission.ts";
import { type Item, shareOf, sizeOf } from "./item.ts";
import { OwnedChannels } from "./owned-channels.ts";
import { ServerSessionChannel } from "./server-session-channel.ts";
import type { SessionTerms, UseSession } from "./session-channel.ts";
import type { ServerTransport } from "./server-transport.ts";
import { WheelClock } from "./wheel-clock.ts";

export type HostOptions<User> = {
  readonly limits: SessionLimits;
  readonly authorize: Authorize<User> | undefined;
  readonly identify: ((user: User) => string) | undefined;
  readonly expiresAtMs: ((user: User) => number | undefined) | undefined;
  /** Undefined: that of the server that accepts. */
  readonly report: ErrorListener | undefined;
};

/** A request that attaches, or the WebSocket that it became. */
export type Asking<User> = {
  readonly request: Request;
  readonly environment: Environment;
  readonly terms: SessionTerms<User>;
  readonly transport: ServerTransport;
};

const random = Buffer.alloc(32);
// 128 and 256 random bits, in letters that a token may have.
const createId = (): string => randomText(16);
const createSecret = (): string => randomText(32);

/** All sessions of one `createSessions`, whatever server and transport they come by. */
export class SessionHost<User> {
  readonly limits: SessionLimits;
  readonly clock: WheelClock;
  readonly registry: SessionRegistry<Item, string>;
  /** Those that are open, by their ids. */
  readonly channels: Map<string, ServerSessionChannel<User>> = new Map();
  /** The same, by whose they are. */
  readonly owned: OwnedChannels<ServerSessionChannel<User>> = new OwnedChannels();
  readonly #admission: Admission<User>;
  readonly #expiries: Expiries;
  readonly #report: ErrorListener | undefined;
  readonly #environments: Derived<Environment>;

  constructor({ limits, authorize, identify, expiresAtMs, report }: HostOptions<User>) {
    this.limits = limits;
    this.#report = report;
    this.#environments = new Derived((environment) => ({ ...environment, report: report ?? environment.report }));
    const { ackDelayMs, pongTimeoutMs, streamTickMs, attachTimeoutMs, authorizeTimeoutMs } = limits;
    const pingIntervalMs = limits.pingIntervalMs || Infinity;
    const waits = [ackDelayMs, pongTimeoutMs, streamTickMs, attachTimeoutMs, authorizeTimeoutMs];
    const pollWaits = [limits.pollHoldMs, limits.pollReturnMs];
    // A second tick may be late by a beat that is not much shorter than the time to it.
    this.clock = new WheelClock(
      Math.min(4 * secondTickMs, pingIntervalMs, limits.resumeWindowMs, ...waits, ...pollWaits),
    );
    const { clock } = this;
    this.#admission = new Admission({ authorize, identify, expiresAtMs, clock, limits });
    this.#expiries = new Expiries({ clock, returnMs: limits.pollReturnMs });
    this.registry = new SessionRegistry<Item, string>({
      limits,
      clock,
      sizeOf,
      shareOf,
      createId,
      // As text: a buffer for each hash would take four times its memory.
      secrets: { create: createSecret, hash: hashOf, isEqual },
    });
  }

  /** That of a server, but with the error listener of these sessions, if they have one. */
  environmentFor(environment: Environment): Environment {
    return this.#report === undefined ? environment : this.#environments.of(environment);
  }

  /** Who makes a request that attaches. @param token - stands in for its Authorization field */
  admit(request: Request, environment: Environment, token?: string): ReturnType<Admission<User>["admit"]> {
    const asking = token === undefined ? request : ServedRequest.withAuthorization(request, `Bearer ${token}`);
    return this.#admission.admit(asking, this.environmentFor(environment).report);
  }

  /** Gives a transport the session that its client may have. */
  attach(record: AttachRecord, { user, owner, expiresAtMs, revoked }: Admitted<User>, asking: Asking<User>): void {
    const { transport, terms } = asking;
    if (revoked?.has(owner) === true) {
      transport.turnAway(stale);
      return;
    }
    const { use, protocols } = terms;
    let made: ServerSessionChannel<User> | undefined;
    const opened = (session: ServerSession<Item>): SessionEvents => {
      made = this.#open(session, user, asking);
      this.owned.add(owner, made);
      return new ChannelEvents(made, this, owner);
    };
    const address = addressBlock(ServedRequest.addressOf(asking.request));
    const atMs = performance.now();
    const result = this.registry.attach({ record, owner, address, transport, atMs, protocols, opened });
    if ("code" in result) {
      transport.turnAway(result);
      return;
    }
    const channel = this.channels.get(result.session.id);
    if (channel !== undefined) {
      this.#expiries.set(channel, expiresAtMs);
      channel.carriedBy(transport, user);
    }
    transport.carry(result.attachment, channel);
    // Behind that, so that what it sends finds its way.
    if (made !== undefined) hand(made, use);
    // They have looked at its fields by now, at the latest in `use`.
    ServedRequest.compact(asking.request);
  }

  /** @returns how many sessions of a user this closes */
  closeUser(owner: string, code: number, reason: string): number {
    this.#admission.revoke(owner);
    let count = 0;
    for (const channel of this.owned.of(owner)) if (channel.close(code, reason)) count += 1;
    return count;
  }

  ended(channel: ServerSessionChannel<User>, owner: string): void {
    this.channels.delete(channel.id);
    this.owned.delete(owner, channel);
    this.#expiries.forget(channel);
  }

  #open(session: ServerSession<Item>, user: User, { request, environment }: Asking<User>): ServerSessionChannel<User> {
    const remoteAddress = ServedRequest.addressOf(request);
    const parts = { session, limits: this.limits, environment, remoteAddress, user };
    const channel = new ServerSessionChannel(request, parts);
    this.channels.set(session.id, channel);
    return channel;
  }
}

/** Tells a channel of its session. One object for each, where functions would be four. */
class ChannelEvents<User> implements SessionEvents {
  readonly #channel: ServerSessionChannel<User>;
  readonly #host: SessionHost<User>;
  readonly #owner: string;

  constructor(channel: ServerSessionChannel<User>, host: SessionHost<User>, owner: string) {
    this.#channel = channel;
    this.#host = host;
    this.#owner = owner;
  }

  /** An application may look at it for as long as it has the channel. */
  get keptBytes(): number {
    return ServedRequest.sizeOf(this.#channel.request);
  }

  message(message: Message): void {
    this.#channel.received(message);
  }

  acknowledged(): void {
    this.#channel.acknowledged();
  }

  left(): void {
    this.#channel.presenceChanged();
  }

  closed(end: SessionEnd): void {
    this.#host.ended(this.#channel, this.#owner);
    this.#channel.sessionEnded(end);
  }
}

function hand<User>(channel: ServerSessionChannel<User>, use: UseSession<User>): void {
  try {
    runUse(
      () => use(channel),
      channel,
      () => channel.startReceiving(),
    );
  } catch (cause) {
    channel.handlerFailed("use", cause);
    channel.fail();
  }
}

/** Always in the same bytes: memory of its own for each, as `randomBytes` takes, left holes in the heap of the process. */
function randomText(bytes: number): string {
  return randomFillSync(random, 0, bytes).toString("base64url", 0, bytes);
}

/** In one call: a `Hash` takes native memory until the next collection. With {@link randomText}, 1 kB less for each session. */
function hashOf(secret: string): string {
  return hash("sha256", secret, "binary");
}

function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, "latin1"), Buffer.from(other, "latin1"));
}
