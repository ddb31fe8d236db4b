/** The open channels of each user. Most have one, which is kept without a set around it. Of users whom nobody knows, none. */
export class OwnedChannels<Channel extends object> {
  readonly #owned = new Map<string, Channel | Set<Channel>>();

  add(owner: string, channel: Channel): void {
    const owned = this.#owned.get(owner);
    if (owned instanceof Set) owned.add(channel);
    else if (owner !== "") this.#owned.set(owner, owned === undefined ? channel : new Set([owned, channel]));
  }

  delete(owner: string, channel: Channel): void {
    const owned = this.#owned.get(owner);
    if (owned === channel || (owned instanceof Set && owned.delete(channel) && owned.size === 0)) {
      this.#owned.delete(owner);
    }
  }

  /** Those that are open now. */
  of(owner: string): Channel[] {
    const owned = this.#owned.get(owner);
    if (owned instanceof Set) return [...owned];
    return owned === undefined ? [] : [owned];
  }
}
