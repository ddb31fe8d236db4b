import type { ResetReason } from "../protocol/control-record.ts";

/** What is remembered of a session that is over. */
export type Ended = {
  readonly reason: ResetReason;
  /** Whose it was: what is remembered concerns nobody else. */
  readonly owner: string;
  /** A late attach must not open a session in the place of this one. */
  readonly highestAttach: number;
  /** How much of its client had come, if that closed it: everything, and the end. */
  readonly received: number | undefined;
};

/**
 * Why sessions ended, so that a client that comes back is told. Bounded: the oldest is forgotten first.
 *
 * By id and by key in maps of their own: keys are made by clients, and one could be made to be the id of another session.
 */
export class EndedSessions {
  readonly #most: number;
  readonly #byId = new Map<string, Ended>();
  readonly #byKey = new Map<string, Ended>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @param owner - who asks; undefined: who asks needs not be known */
  byId(id: string, owner?: string): Ended | undefined {
    return ofOwner(this.#byId.get(id), owner);
  }

  byKey(key: string, owner: string): Ended | undefined {
    return ofOwner(this.#byKey.get(key), owner);
  }

  /** Remembers it under its id and the key that it was opened with. */
  add(id: string, key: string, ended: Ended): void {
    remember(this.#byId, id, ended, this.#most);
    remember(this.#byKey, key, ended, this.#most);
  }
}

function ofOwner(ended: Ended | undefined, owner: string | undefined): Ended | undefined {
  return owner === undefined || ended?.owner === owner ? ended : undefined;
}

function remember(map: Map<string, Ended>, name: string, ended: Ended, most: number): void {
  map.set(name, ended);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}
