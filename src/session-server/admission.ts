import { ChannelErrorOf, describe, type ErrorListener, type HandlerName } from "../channel/errors.ts";
import { maxOwnerLength, type SessionLimits } from "../channel/session-limits.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { Clock } from "../session/clock.ts";
import { busy, denied, type Refusal, stale } from "../session/refusal.ts";

/** Says who makes a request, or that nobody does whom the application knows: nothing, or false. */
export type Authorize<User> = (
  request: Request,
) => User | null | undefined | false | PromiseLike<User | null | undefined | false>;

/** Who attaches. */
export type Admitted<User> = {
  readonly user: User;
  readonly owner: string;
  /** When that is over, by the clock on the wall. Undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** The users whose right was taken back since it was asked: the answer may be older than that. Undefined: it came at once. */
  readonly revoked: ReadonlySet<string> | undefined;
};

export type AdmissionOptions<User> = {
  readonly authorize: Authorize<User> | undefined;
  readonly identify: ((user: User) => string) | undefined;
  readonly expiresAtMs: ((user: User) => number | undefined) | undefined;
  readonly clock: Clock;
  readonly limits: Pick<SessionLimits, "authorizeTimeoutMs" | "maxPendingAttaches">;
};

/** Who may have a session. Whatever goes wrong on the way, the answer is no. */
export class Admission<User> {
  readonly #options: AdmissionOptions<User>;
  /** Those whose answers are waited for, each with the users whose right was taken back meanwhile. */
  readonly #pending = new Set<Set<string>>();

  constructor(options: AdmissionOptions<User>) {
    this.#options = options;
  }

  /** @returns at once what is known at once. Never throws, never rejects */
  admit(request: Request, report: ErrorListener): Admitted<User> | Refusal | Promise<Admitted<User> | Refusal> {
    const { authorize } = this.#options;
    // Without it there is no user, and undefined is what the type of the attachment says.
    if (authorize === undefined)
      return { user: undefined as User, owner: "", expiresAtMs: undefined, revoked: undefined };
    if (this.#pending.size >= this.#options.limits.maxPendingAttaches) return busy;
    let answer: ReturnType<Authorize<User>>;
    try {
      answer = authorize(request);
    } catch (cause) {
      return unknownFor(cause, report);
    }
    try {
      return isThenable(answer) ? this.#wait(answer, report) : this.#settle(answer, report);
    } catch (cause) {
      return failed("authorize", cause, report);
    }
  }

  /** The sessions of a user are closed: an answer that is on its way may be older than that, and the client has to ask again. */
  revoke(owner: string): void {
    for (const revoked of this.#pending) revoked.add(owner);
  }

  async #wait(answer: PromiseLike<unknown>, report: ErrorListener): Promise<Admitted<User> | Refusal> {
    const { clock, limits } = this.#options;
    const timeoutMs = limits.authorizeTimeoutMs;
    const revoked = new Set<string>();
    this.#pending.add(revoked);
    let stopWaiting: (() => void) | undefined;
    const late = new Promise<Refusal>((resolve) => {
      stopWaiting = clock.after(timeoutMs, () => resolve(busy));
    });
    try {
      // What comes behind that is dropped, and was reported as late.
      const user = await Promise.race([answer, late]);
      if (user === busy) return unknownFor(new Error(`authorize did not answer within ${timeoutMs} ms`), report);
      return this.#settle(user, report, revoked);
    } catch (cause) {
      return unknownFor(cause, report);
    } finally {
      stopWaiting?.();
      // Its attach comes some turns of promises later, and the right may be taken back in between.
      setImmediate(() => this.#pending.delete(revoked));
    }
  }

  #settle(answer: unknown, report: ErrorListener, revoked?: ReadonlySet<string>): Admitted<User> | Refusal {
    if (answer === undefined || answer === null || answer === false) return denied;
    // What is left of the type once those that mean no are gone.
    const user = answer as User;
    const namer = this.#options.identify === undefined ? "authorize" : "identify";
    let owner: string | Unfit;
    try {
      owner = this.#nameOf(user);
    } catch (cause) {
      return failed(namer, cause, report);
    }
    if (typeof owner !== "string") return unfit(namer, owner, report);
    let expiresAtMs: number | undefined | Unfit;
    try {
      expiresAtMs = this.#endOf(user);
    } catch (cause) {
      return failed("expiresAtMs", cause, report);
    }
    if (typeof expiresAtMs === "object") return unfit("expiresAtMs", expiresAtMs, report);
    // The client may have another token by now.
    return expiresAtMs !== undefined && expiresAtMs <= Date.now() ? stale : { user, owner, expiresAtMs, revoked };
  }

  #endOf(user: User): number | undefined | Unfit {
    const { expiresAtMs } = this.#options;
    if (expiresAtMs === undefined) return undefined;
    const endMs: unknown = expiresAtMs(user);
    if (endMs === undefined || (typeof endMs === "number" && Number.isFinite(endMs) && endMs >= earliestMs))
      return endMs;
    ignoreLate(endMs);
    return { expected: "milliseconds since 1970, and not seconds, or undefined", returned: endMs };
  }

  /** By what the sessions of a user are held apart from those of others. */
  #nameOf(user: User): string | Unfit {
    const { identify } = this.#options;
    // Yes, and nobody in particular, as without authorize.
    if (identify === undefined && user === true) return "";
    const name = identify === undefined ? idOf(user) : identify(user);
    ignoreLate(name);
    if (typeof name === "string" && name !== "" && name.length <= maxOwnerLength) return name;
    return identify === undefined ? { expected: userForms, returned: user } : { expected: nameForm, returned: name };
  }
}

/** What a function of the application returned, and may not, and what it may. */
type Unfit = { readonly expected: string; readonly returned: unknown };

/** In September 2001: a time before that was given in seconds, as `exp` of a JSON Web Token is (RFC 7519 §4.1.4). */
const earliestMs = 1e12;

const nameForm = `text of 1 to ${maxOwnerLength} characters`;
const userForms = `${nameForm}, a finite number, or an object whose id is one, unless identify says who a user is`;

/** Not of a NaN, which is what a number that could not be read became. */
function idOf(user: unknown): unknown {
  const id: unknown = typeof user === "object" && user !== null && "id" in user ? user.id : user;
  return Number.isFinite(id) || typeof id === "bigint" ? String(id) : id;
}

/** Who it is could not be found out, and may be later: a database that is down must not send all clients away for good. */
function unknownFor(cause: unknown, report: ErrorListener): Refusal {
  failed("authorize", cause, report);
  return busy;
}

function failed(handler: HandlerName, cause: unknown, report: ErrorListener): Refusal {
  report(new ChannelErrorOf("HANDLER_FAILED", { handler }, { cause }));
  return denied;
}

/** Not as if it had thrown: who reads the report has to find what was returned, and what is allowed. */
function unfit(handler: HandlerName, { expected, returned }: Unfit, report: ErrorListener): Refusal {
  report(new ChannelErrorOf("HANDLER_FAILED", { handler, expected, received: describe(returned) }));
  return denied;
}

/** A promise where none may be is refused at once: what becomes of it must not end the process. */
function ignoreLate(value: unknown): void {
  if (isThenable(value)) Promise.resolve(value).catch(() => undefined);
}
