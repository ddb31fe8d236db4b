/** Something whose silence is watched. */
export type Watched = {
  /** The beat in which the peer was last heard; see {@link Heartbeat.now}. */
  lastHeardBeat: number;
  ping(): void;
  /** Nothing came after the ping. */
  lost(): void;
};

/** A ping is answered once its peer was heard in its beat or later; before the first ping the beat is -1. */
type Watch = { readonly watched: Watched; pingedBeat: number };

/** A turn of the wheel takes at most so many beats; an interval longer than that is waited out in several looks. */
const wheelBeats = 256;

/**
 * Finds peers that are gone without a word: pings after silence, gives up when nothing answers.
 *
 * One timer for all channels of a server, which files them on a wheel by the beat at which they are looked at next; a
 * timer each would cost more than the channel. A message costs one assignment.
 */
export class Heartbeat {
  readonly #intervalBeats: number;
  readonly #answerBeats: number;
  readonly #beatMs: number;
  readonly #wheel: Set<Watch>[] = [];
  readonly #watches = new Map<Watched, { watch: Watch; slot: Set<Watch> }>();
  #timer: NodeJS.Timeout | undefined;
  #beat = 0;

  constructor(intervalMs: number, answerMs: number) {
    // Fine enough that the answer to a short deadline is within a tenth of it, coarse enough to cost nothing.
    this.#beatMs = Math.max(10, Math.min(1000, Math.floor(Math.min(intervalMs || answerMs, answerMs) / 10)));
    this.#intervalBeats = intervalMs === 0 ? 0 : Math.max(1, Math.ceil(intervalMs / this.#beatMs));
    this.#answerBeats = Math.max(1, Math.ceil(answerMs / this.#beatMs));
  }

  /** The number of the current beat: what a channel notes when it hears from its peer. */
  get now(): number {
    return this.#beat;
  }

  watch(watched: Watched): void {
    if (this.#intervalBeats === 0) return;
    watched.lastHeardBeat = this.#beat;
    this.#file({ watched, pingedBeat: -1 }, this.#intervalBeats);
    // Watching must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#turn(), this.#beatMs).unref();
  }

  forget(watched: Watched): void {
    const entry = this.#watches.get(watched);
    if (entry === undefined) return;
    entry.slot.delete(entry.watch);
    this.#watches.delete(watched);
    if (this.#watches.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    this.#beat += 1;
    const slot = this.#slotAt(this.#beat);
    if (slot.size === 0) return;
    const due = [...slot];
    slot.clear();
    for (const watch of due) this.#look(watch);
  }

  #look(watch: Watch): void {
    const { watched, pingedBeat } = watch;
    // The end of one peer may have made the application let go of another that is due in the same beat.
    if (this.#watches.get(watched)?.watch !== watch) return;
    const silentBeats = this.#beat - watched.lastHeardBeat;
    const waitedBeats = this.#beat - pingedBeat;
    if (silentBeats < this.#intervalBeats) this.#file(watch, this.#intervalBeats - silentBeats);
    else if (pingedBeat <= watched.lastHeardBeat) {
      watch.pingedBeat = this.#beat;
      this.#fileForAnswer(watch, this.#answerBeats);
      watched.ping();
    } else if (waitedBeats < this.#answerBeats) this.#fileForAnswer(watch, this.#answerBeats - waitedBeats);
    else {
      this.forget(watched);
      watched.lost();
    }
  }

  /** An answer that comes meanwhile must not delay the next ping. */
  #fileForAnswer(watch: Watch, beats: number): void {
    this.#file(watch, Math.min(beats, this.#intervalBeats));
  }

  #file(watch: Watch, beats: number): void {
    // Longer waits than the wheel are looked at early and filed again: a look is only a subtraction.
    const slot = this.#slotAt(this.#beat + Math.min(beats, wheelBeats - 1));
    slot.add(watch);
    this.#watches.set(watch.watched, { watch, slot });
  }

  #slotAt(beat: number): Set<Watch> {
    return (this.#wheel[beat % wheelBeats] ??= new Set());
  }
}
