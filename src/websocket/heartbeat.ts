import { mostEarly, Shares } from "../channel/shares.ts";

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

/** A turn of the wheel takes so many beats; who is due in more than that stays where it is filed for as many turns as it takes. */
const wheelBeats = 256;

/** Coarse enough to cost nothing, fine enough that the pings of many clients come in many parts. */
const longestBeatMs = 250;

/**
 * Finds peers that are gone without a word: pings after silence, gives up when nothing answers.
 *
 * One timer for all channels of a server, which files them on a wheel by the beat at which they are looked at next; a
 * timer each would cost more than the channel. A message costs one assignment.
 *
 * A ping comes up to a fifth of the interval early, by a share that is drawn each time it is filed: clients that came
 * together, or were heard together, are not pinged together. No channel has to keep its share for that.
 */
export class Heartbeat {
  readonly #intervalBeats: number;
  /** After less silence nobody is pinged. */
  readonly #shortestBeats: number;
  readonly #answerBeats: number;
  readonly #beatMs: number;
  readonly #wheel: Set<Watched>[] = [];
  readonly #shares = new Shares();
  #watchedCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #beat = 0;

  constructor(intervalMs: number, answerMs: number) {
    // Fine enough that the answer to a short deadline is within a tenth of it.
    this.#beatMs = Math.max(10, Math.min(longestBeatMs, Math.floor(Math.min(intervalMs || answerMs, answerMs) / 10)));
    this.#intervalBeats = intervalMs === 0 ? 0 : Math.max(1, Math.ceil(intervalMs / this.#beatMs));
    this.#shortestBeats = Math.ceil(this.#intervalBeats * (1 - mostEarly));
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
    this.#file(watched, this.#nextBeats());
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
    // Whoever is filed in it meanwhile comes, too, and is due in a later turn, as some are that have been in it before; and
    // the end of one peer may have made the application let go of another that is due in this beat.
    for (const watched of slot) {
      if (watched.dueBeat !== this.#beat) continue;
      slot.delete(watched);
      this.#look(watched);
    }
  }

  #look(watched: Watched): void {
    const { lastHeardBeat, pingedBeat } = watched;
    const silentBeats = this.#beat - lastHeardBeat;
    const waitedBeats = this.#beat - pingedBeat;
    if (silentBeats < this.#shortestBeats) this.#file(watched, this.#nextBeats() - silentBeats);
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
    this.#file(watched, Math.min(beats, this.#nextBeats()));
  }

  /** The silence after which a peer is pinged: the interval, or up to a fifth less. */
  #nextBeats(): number {
    const earlyBeats = this.#intervalBeats - this.#shortestBeats;
    return this.#intervalBeats - Math.floor(this.#shares.next() * (earlyBeats + 1));
  }

  #file(watched: Watched, beats: number): void {
    watched.dueBeat = this.#beat + beats;
    this.#slotAt(watched.dueBeat).add(watched);
  }

  #slotAt(beat: number): Set<Watched> {
    return (this.#wheel[beat % wheelBeats] ??= new Set());
  }
}
