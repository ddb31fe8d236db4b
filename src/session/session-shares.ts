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

  /** Whether there is room for one more, at the cost of the one that is left longest if need be. */
  makeRoom(name: string): boolean {
    const share = this.#shares.get(name);
    if (share === undefined || share.size < this.#most) return true;
    const [longest] = share.gone ?? [];
    longest?.drop("overflow");
    return longest !== undefined;
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

  /** How many users or addresses have any. */
  get size(): number {
    return this.#shares.size;
  }
}
