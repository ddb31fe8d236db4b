import { ownText } from "../channel/message.ts";
import type { BaseChannel } from "../channel/base-channel.ts";
import { maxNewestBytes, maxNewestKeys, newestOverheadBytes } from "../channel/limits.ts";
import type { Payload } from "../channel/payload.ts";
import { contain, deliver } from "./deliver.ts";

/** What waits for one channel, the oldest first. */
type Waiting = { readonly payloads: Map<string, Payload>; bytes: number };

/**
 * The newest message of each key for channels that are behind, until they are behind no more.
 *
 * Apart from the members, since nearly none is ever behind. By channel and not by member: what waits for one client is
 * bounded, whatever the number of its groups.
 */
export class NewestMessages {
  readonly #waiting = new Map<BaseChannel, Waiting>();

  /** Whether something waits for a channel: what comes for it now has to stand behind that. */
  isWaiting(channel: BaseChannel): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(channel);
  }

  /** Keeps a message in place of the one of the same key. Over the bounds the channel closes with `overflow`. */
  hold(channel: BaseChannel, group: string, key: string, payload: Payload): void {
    let waiting = this.#waiting.get(channel);
    if (waiting === undefined) {
      waiting = { payloads: new Map(), bytes: 0 };
      this.#waiting.set(channel, waiting);
      this.#releaseWhenDrained(channel, waiting);
    }
    const name = nameOf(group, key);
    // In its place among the others it would come before what was broadcast before it.
    take(waiting, name);
    waiting.payloads.set(name, payload);
    waiting.bytes += bytesOf(name, payload);
    if (waiting.payloads.size <= maxNewestKeys && waiting.bytes <= maxNewestBytes) return;
    this.#waiting.delete(channel);
    contain(channel, () => channel.overflow());
  }

  /** The channel has left a group: what waits of it is for it no more. */
  forget(channel: BaseChannel, group: string): void {
    const waiting = this.#waiting.get(channel);
    if (waiting === undefined) return;
    const prefix = nameOf(group, "");
    for (const name of waiting.payloads.keys()) if (name.startsWith(prefix)) take(waiting, name);
  }

  #releaseWhenDrained(channel: BaseChannel, waiting: Waiting): void {
    void channel.drained().then(() => this.#release(channel, waiting));
  }

  #release(channel: BaseChannel, waiting: Waiting): void {
    // It ran into the bounds, and may be behind anew.
    if (this.#waiting.get(channel) !== waiting) return;
    for (const [name, payload] of waiting.payloads) {
      if (!channel.isOpen) break;
      if (channel.isBehind) {
        this.#releaseWhenDrained(channel, waiting);
        return;
      }
      take(waiting, name);
      deliver(channel, payload, undefined);
    }
    this.#waiting.delete(channel);
  }
}

function take(waiting: Waiting, name: string): void {
  const payload = waiting.payloads.get(name);
  if (payload === undefined) return;
  waiting.payloads.delete(name);
  waiting.bytes -= bytesOf(name, payload);
}

/** With the length of the first, so that no two pairs have the same: either may hold any character. */
function nameOf(group: string, key: string): string {
  return ownText(`${group.length}:${group}${key}`);
}

function bytesOf(name: string, payload: Payload): number {
  return payload.byteLength + name.length + newestOverheadBytes;
}
