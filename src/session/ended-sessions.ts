import type { ResetReason } from "../protocol/control-record.ts";

/** What is remembered of a session that is over. */
export type Ended = {
  readonly reason: ResetReason;
  /** A late attach must not open a session in the place of this one. */
  readonly highestAttach: number;
  /** How much of its client had come, if that closed it: everything, and the end. */
  readonly received: number | undefined;
};

/** Why sessions ended, so that a client that comes back is told. Bounded: the oldest is forgotten first. */
export class EndedSessions {
  readonly #most: number;
  readonly #ended = new Map<string, Ended>();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): Ended | undefined {
    return this.#ended.get(name);
  }

  /** Remembers it under its id and the key that it was opened with. */
  add(names: readonly string[], ended: Ended): void {
    for (const name of names) this.#ended.set(name, ended);
    for (const name of this.#ended.keys()) {
      if (this.#ended.size <= names.length * this.#most) break;
      this.#ended.delete(name);
    }
  }
}
