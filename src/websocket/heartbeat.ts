/** Something whose silence is watched, with what the heartbeat notes about it: an object for that would cost as much. */
export type Watched = {
  /** The beat in which the peer was last heard; see {@link Heartbeat.now}. */
  lastHeardBeat: number;
  /** The beat of the last ping; -1 before the first. */
  pingedBeat: number;
  /** The beat in which the heartbeat looks again; -1 while it does not watch. */
  dueBeat: number;
  ping(): void;
  /** Nothing came after the ping. */
  connectionLost(): void;
};

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
  readonly #wheel: Set<Watched>[] = [];
  #watchedCount = 0;
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
    this.forget(watched);
    watched.lastHeardBeat = this.#beat;
    watched.pingedBeat = -1;
    this.#watchedCount += 1;
    this.#file(watched, this.#intervalBeats);
    // Watching must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#turn(), this.#beatMs).unref();
  }

  forget(watched: Watched): void {
    if (watched.dueBeat === -1) return;
    this.#slotAt(watched.dueBeat).delete(watched);
    watched.dueBeat = -1;
    this.#watchedCount -= 1;
    if (this.#watchedCount > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    this.#beat += 1;
    const slot = this.#slotAt(this.#beat);
    if (slot.size === 0) return;
    const due = [...slot];
    slot.clear();
    for (const watched of due) {
      // The end of one peer may have made the application let go of another that is due in the same beat.
      if (watched.dueBeat === this.#beat) this.#look(watched);
    }
  }

  #look(watched: Watched): void {
    const { lastHeardBeat, pingedBeat } = watched;
    const silentBeats = this.#beat - lastHeardBeat;
    const waitedBeats = this.#beat - pingedBeat;
    if (silentBeats < this.#intervalBeats) this.#file(watched, this.#intervalBeats - silentBeats);
    // A ping is answered once its peer was heard in its beat or later.
    else if (pingedBeat <= lastHeardBeat) {
      watched.pingedBeat = this.#beat;
      this.#fileForAnswer(watched, this.#answerBeats);
      watched.ping();
    } else if (waitedBeats < this.#answerBeats) this.#fileForAnswer(watched, this.#answerBeats - waitedBeats);
    else {
      this.forget(watched);
      watched.connectionLost();
    }
  }

  /** An answer that comes meanwhile must not delay the next ping. */
  #fileForAnswer(watched: Watched, beats: number): void {
    this.#file(watched, Math.min(beats, this.#intervalBeats));
  }

  #file(watched: Watched, beats: number): void {
    // Longer waits than the wheel are looked at early and filed again: a look is only a subtraction.
    watched.dueBeat = this.#beat + Math.min(beats, wheelBeats - 1);
    this.#slotAt(watched.dueBeat).add(watched);
  }

  #slotAt(beat: number): Set<Watched> {
    return (this.#wheel[beat % wheelBeats] ??= new Set());
  }
}
