import type { ServerSession } from "./server-session.ts";

/** What one user, or one address, has. */
type Share<Item> = {
  size: number;
  /** Those whose clients are away, the one that is left longest first. Undefined: none, as with most. */
  gone: Set<ServerSession<Item>> | undefined;
};

/** How many sessions each user, or each address, has. Those whose name is empty, of whom nothing is known, are not counted. */
export class SessionShares<Item> {
  readonly #most: number;
  readonly #shares = new Map<string, Share<Item>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether there is room for one more, or would be if the one that is left longest ended. */
  canTake(name: string): boolean {
    return !this.#isFull(name) || this.#shares.get(name)?.gone !== undefined;
  }

  /** Ends the one that is left longest if there is no room for one more. */
  makeRoom(name: string): void {
    if (!this.#isFull(name)) return;
    const [longest] = this.#shares.get(name)?.gone ?? [];
    longest?.drop("overflow");
  }

  add(name: string): void {
    if (name === "") return;
    const share = this.#shares.get(name);
    if (share === undefined) this.#shares.set(name, { size: 1, gone: undefined });
    else share.size += 1;
  }

  remove(name: string, session: ServerSession<Item>): void {
    const share = this.#shares.get(name);
    if (share === undefined) return;
    this.returned(name, session);
    share.size -= 1;
    if (share.size === 0) this.#shares.delete(name);
  }

  gone(name: string, session: ServerSession<Item>): void {
    const share = this.#shares.get(name);
    if (share !== undefined) (share.gone ??= new Set()).add(session);
  }

  returned(name: string, session: ServerSession<Item>): void {
    const share = this.#shares.get(name);
    if (share?.gone?.delete(session) === true && share.gone.size === 0) share.gone = undefined;
  }

  #isFull(name: string): boolean {
    return (this.#shares.get(name)?.size ?? 0) >= this.#most;
  }
}
