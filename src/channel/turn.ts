import { turnBudgetMs } from "./limits.ts";
import { slab } from "./slab.ts";

/** Something that has output to hand over when the turn ends. `endTurn` must not throw. */
export type Flushable = { endTurn(): void };

/** Something whose output is only made when the turn ends, all of it together. `fill` must not throw. */
export type Source = { fill(): void };

/** How many are served between two looks at the clock: a look costs about a twentieth of a write. */
const servedPerLook = 16;

let waiting: Flushable[] = [];
let filling: Source[] = [];
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
 * Lets a source put what it has behind all that was sent, at the end of this turn and before anything is written.
 *
 * So what many get in one turn is put down member by member, while the objects of one are in the cache of the processor,
 * and not message by message. Before all writes, and not each before its own: a peer that waits between them for the next
 * one has to be woken for it, which costs as much as a write.
 */
export function fillAtEndOfTurn(source: Source): void {
  filling.push(source);
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

/** Calls back at the end of this turn or a later one, within a budget that is shared with others. `work` must not throw. */
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
  fillAll();
  if (flushWaiting()) slab.recycle();
  // A part of each turn is for this work alone: while more is sent than can be written, it would never have a turn.
  deadline = Math.max(deadline, performance.now() + turnBudgetMs / 4);
  workOff();
  deadline = 0;
  if (filling.length > 0 || waiting.length > 0 || postponed.length > 0) schedule();
}

/** Half of what is left is kept for the writes. */
function fillAll(): void {
  const batch = filling;
  if (batch.length === 0) return;
  filling = [];
  const now = performance.now();
  filling = served(batch, now + (deadline - now) / 2, fill).concat(filling);
}

/** @returns false when the budget was spent before the last write */
function flushWaiting(): boolean {
  const batch = waiting;
  waiting = [];
  const rest = served(batch, deadline, flush);
  if (rest.length > 0) waiting = rest.concat(waiting);
  return rest.length === 0;
}

const fill = (source: Source): void => source.fill();
const flush = (flushable: Flushable): void => flushable.endTurn();
const none: never[] = [];

/** @returns those that were not served before the time was over */
function served<Each>(batch: readonly Each[], untilMs: number, serve: (each: Each) => void): Each[] {
  let count = 0;
  for (const each of batch) {
    serve(each);
    count += 1;
    if (count % servedPerLook === 0 && performance.now() > untilMs) return batch.slice(count);
  }
  return none;
}

/** Work that is postponed once more goes to the end of the line, so that one cannot keep the others waiting. */
function workOff(): void {
  for (let count = postponed.length; count > 0 && performance.now() <= deadline; count--) postponed.shift()?.();
}
