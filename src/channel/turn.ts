import { turnBudgetMs } from "./limits.ts";
import { slab } from "./slab.ts";

/** Something that has output to hand over when the turn ends. `endTurn` must not throw. */
export type Flushable = { endTurn(): void };

/** How many writes pass between two looks at the clock: a look costs about a twentieth of a write. */
const writesPerLook = 16;

let waiting: Flushable[] = [];
const postponed: (() => void)[] = [];
let isScheduled = false;
/** Until when this turn may work for many channels; 0 before there was any such work in it. */
let deadline = 0;

/**
 * Flushes at the end of this turn of the event loop, together with everything else that was sent in it.
 *
 * An immediate and not a micro-task: it runs after all sockets that were readable in this turn have been read and after
 * the promises of their handlers, so that answers to many messages leave in one write. When the writes of one turn take
 * longer than the budget, the rest follows in the next turn, behind the input that has come meanwhile.
 */
export function flushAtEndOfTurn(flushable: Flushable): void {
  waiting.push(flushable);
  schedule();
}

/**
 * Whether this turn has spent its budget on work for many channels. What is left then is to be postponed.
 *
 * The budget begins with the first question in a turn, so that several broadcasts share it. Half of it is kept for the
 * writes at the end of the turn: else a turn would take twice its budget, or a flood of broadcasts would keep all that it
 * sends from leaving.
 */
export function isTurnSpent(): boolean {
  const now = performance.now();
  if (deadline === 0) {
    deadline = now + turnBudgetMs / 2;
    schedule();
  }
  return now > deadline;
}

/** Calls back in this turn or a later one, when everything sent before is written and budget is left. `work` must not throw. */
export function postpone(work: () => void): void {
  postponed.push(work);
  schedule();
}

/**
 * Resolves at once while this turn has budget left, else in a later one.
 *
 * For loops that may find everything ready again and again: waiting for a promise alone lets no other input be read.
 */
export async function untilBudget(): Promise<void> {
  if (isTurnSpent()) await new Promise<void>(postpone);
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  isScheduled = false;
  deadline = performance.now() + (deadline === 0 ? turnBudgetMs : turnBudgetMs / 2);
  if (flushWaiting()) {
    slab.recycle();
    workOff();
  }
  deadline = 0;
  if (waiting.length > 0 || postponed.length > 0) schedule();
}

/** @returns false when the budget was spent before the last write */
function flushWaiting(): boolean {
  const batch = waiting;
  waiting = [];
  for (let index = 0; index < batch.length; index++) {
    batch[index]?.endTurn();
    if ((index + 1) % writesPerLook === 0 && performance.now() > deadline) {
      waiting = batch.slice(index + 1).concat(waiting);
      return false;
    }
  }
  return true;
}

/** Work that is postponed once more goes to the end of the line, so that one cannot keep the others waiting. */
function workOff(): void {
  for (let count = postponed.length; count > 0 && performance.now() <= deadline; count--) postponed.shift()?.();
}
