import { turnBudgetMs } from "./limits.ts";

/** Something that has output to hand over. `flush` must not throw. */
export type Flushable = { flush(): void };

/** How many writes pass between two looks at the clock: a look costs about a twentieth of a write. */
const writesPerLook = 16;

let waiting: Flushable[] = [];
let scheduled = false;

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

let turnDeadline = 0;

/**
 * Whether this turn has spent its budget on work for many channels. What is left then belongs in a later turn.
 *
 * The budget begins with the first question in a turn, so that several broadcasts in one turn share it.
 */
export function isTurnSpent(): boolean {
  const now = performance.now();
  if (turnDeadline === 0) {
    turnDeadline = now + turnBudgetMs;
    setImmediate(() => {
      turnDeadline = 0;
    });
  }
  return now > turnDeadline;
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(flushAll);
}

function flushAll(): void {
  scheduled = false;
  const batch = waiting;
  waiting = [];
  const deadline = performance.now() + turnBudgetMs;
  for (let index = 0; index < batch.length; index++) {
    batch[index]?.flush();
    if ((index + 1) % writesPerLook === 0 && performance.now() > deadline) {
      waiting = batch.slice(index + 1).concat(waiting);
      schedule();
      return;
    }
  }
}
