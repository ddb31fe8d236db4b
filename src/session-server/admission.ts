import { ChannelErrorOf, type ErrorListener, type HandlerName, invalidArgument } from "../channel/errors.ts";
import { isThenable } from "../channel/mailbox.ts";
import type { Clock } from "../session/clock.ts";
import { busy, denied, type Refusal } from "../session/refusal.ts";

/** Says who makes a request, or that nobody does whom the application knows: nothing, or false. */
export type Authorize<User> = (
  request: Request,
) => User | null | undefined | false | PromiseLike<User | null | undefined | false>;

/** Who attaches. */
export type Admitted<User> = { readonly user: User; readonly owner: string };

export type AdmissionOptions<User> = {
  readonly authorize: Authorize<User> | undefined;
  readonly identify: ((user: User) => string) | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
};

/** Who may have a session. Whatever goes wrong on the way, the answer is no. */
export class Admission<User> {
  readonly #options: AdmissionOptions<User>;

  constructor(options: AdmissionOptions<User>) {
    this.#options = options;
  }

  /** @returns at once what is known at once. Never throws, never rejects */
  admit(request: Request, report: ErrorListener): Admitted<User> | Refusal | Promise<Admitted<User> | Refusal> {
    const { authorize } = this.#options;
    // Without it there is no user, and undefined is what the type of the attachment says.
    if (authorize === undefined) return { user: undefined as User, owner: "" };
    try {
      const answer = authorize(request);
      return isThenable(answer) ? this.#wait(answer, report) : this.#settle(answer, report);
    } catch (cause) {
      return failed("authorize", cause, report);
    }
  }

  async #wait(answer: PromiseLike<unknown>, report: ErrorListener): Promise<Admitted<User> | Refusal> {
    const { clock, timeoutMs } = this.#options;
    let stopWaiting: (() => void) | undefined;
    const late = new Promise<Refusal>((resolve) => {
      stopWaiting = clock.after(timeoutMs, () => {
        failed("authorize", new Error(`authorize did not answer within ${timeoutMs} ms`), report);
        resolve(busy);
      });
    });
    const settled = Promise.resolve(answer).then(
      (user) => this.#settle(user, report),
      (cause: unknown) => failed("authorize", cause, report),
    );
    const result = await Promise.race([settled, late]);
    stopWaiting?.();
    return result;
  }

  #settle(answer: unknown, report: ErrorListener): Admitted<User> | Refusal {
    if (answer === undefined || answer === null || answer === false) return denied;
    // What is left of the type once those that mean no are gone.
    const user = answer as User;
    try {
      return { user, owner: this.#nameOf(user) };
    } catch (cause) {
      return failed("identify", cause, report);
    }
  }

  /** By what the sessions of a user are held apart from those of others. */
  #nameOf(user: User): string {
    const { identify } = this.#options;
    const name: unknown = identify === undefined ? idOf(user) : identify(user);
    if (typeof name === "string" && name !== "") return name;
    const expected =
      "a function that returns who the user is, as text; users without it must be text, a number, or have an id";
    throw invalidArgument("identify", expected, name);
  }
}

function idOf(user: unknown): unknown {
  const id: unknown = typeof user === "object" && user !== null && "id" in user ? user.id : user;
  return typeof id === "number" || typeof id === "bigint" || typeof id === "boolean" ? String(id) : id;
}

function failed(handler: HandlerName, cause: unknown, report: ErrorListener): Refusal {
  report(new ChannelErrorOf("HANDLER_FAILED", { handler }, { cause }));
  return denied;
}
