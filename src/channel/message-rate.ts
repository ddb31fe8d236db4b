/** How often it is looked whether those that were too fast may go on. */
const tickMs = 50;

/** What is too fast. */
export type Paced = {
  /** False: its messages have no receiver any more, and nothing holds it. */
  readonly isOpen: boolean;
  /** {@link MessageRate.isHeld} has changed. */
  adjustReading(): void;
};

const held = new Set<MessageRate>();
let timer: NodeJS.Timeout | undefined;

/**
 * Whether a client sends more in a second than it may. As many as in a second may come at once, and what was too much
 * takes its time before the next may come.
 *
 * It is told of many messages at a time, and asks the clock only then. One that never comes to its rate has none of these
 * and costs a comparison; those that are held share one timer.
 */
export class MessageRate {
  readonly #perSecond: number;
  readonly #paced: Paced;
  #count: number;
  #sinceMs: number = performance.now();
  /** How many may come now; below zero while it is held. */
  #balance: number;

  /** Made when more than `perSecond` have come: in what time they have is not known, and so many are let pass. */
  constructor(perSecond: number, paced: Paced) {
    this.#perSecond = perSecond;
    this.#count = perSecond;
    this.#balance = perSecond;
    this.#paced = paced;
  }

  /** Nothing more should be read of it: from when it was too fast until `release` says that it may go on, and not in between. */
  get isHeld(): boolean {
    return held.has(this) && this.#paced.isOpen;
  }

  get #isTooFast(): boolean {
    return this.#balance <= 0 && this.#paced.isOpen;
  }

  /** So many have come in all. @returns at how many this wants to be told the next time */
  came(count: number): number {
    this.#earn();
    this.#balance -= count - this.#count;
    this.#count = count;
    if (this.#isTooFast && !held.has(this)) {
      hold(this);
      this.#paced.adjustReading();
    }
    // Not at each, where there is room for a few: what is too much is taken off later.
    return count + Math.max(Math.ceil((this.#perSecond * tickMs) / 1000), Math.floor(this.#balance));
  }

  /** Lets it go on if it was held for long enough. */
  release(): void {
    this.#earn();
    if (this.#isTooFast) return;
    held.delete(this);
    this.#paced.adjustReading();
  }

  #earn(): void {
    const nowMs = performance.now();
    const earned = ((nowMs - this.#sinceMs) / 1000) * this.#perSecond;
    this.#sinceMs = nowMs;
    this.#balance = Math.min(this.#perSecond, this.#balance + earned);
  }
}

function hold(rate: MessageRate): void {
  held.add(rate);
  timer ??= setInterval(releaseAll, tickMs).unref();
}

function releaseAll(): void {
  for (const rate of held) rate.release();
  if (held.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
