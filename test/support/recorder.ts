import { Condition } from "./condition.ts";
import { ownTimeMs } from "./own-time.ts";

/** `atMs` is in the time of {@link ownTimeMs}, since the recorder was made. */
export type Entry = { atMs: number; event: string; args: unknown[] };

/** Writes down what happened, when and in which order, and lets a test wait for it. */
export class Recorder {
  readonly entries: Entry[] = [];
  readonly #startMs = ownTimeMs();
  readonly #condition = new Condition();

  record(event: string, ...args: unknown[]): void {
    this.entries.push({ atMs: ownTimeMs() - this.#startMs, event, args });
    this.#condition.changed();
  }

  /** A callback that records under this name: `channel.onReceive(log.as("receive"))`. */
  as(event: string): (...args: unknown[]) => void {
    return (...args) => this.record(event, ...args);
  }

  names(): string[] {
    return this.entries.map((entry) => entry.event);
  }

  of(event: string): Entry[] {
    return this.entries.filter((entry) => entry.event === event);
  }

  /** Resolves with the event's entry number `count`, which may be in the past. */
  waitFor(event: string, { count = 1, timeoutMs = 2000 } = {}): Promise<Entry> {
    return this.#condition.until(() => this.of(event)[count - 1], {
      timeoutMs,
      atTimeout: () => {
        throw new Error(`${count} × ${event} expected in ${timeoutMs} ms; recorded: ${this.names().join(", ") || "-"}`);
      },
    });
  }
}
