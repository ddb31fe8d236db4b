import type { Timer } from "../../src/client/clock.ts";
import type { Clock, Waiter, WaiterClock } from "../../src/session/clock.ts";

type Task = { readonly atMs: number; readonly order: number; run: (() => void) | undefined };

/** Time that passes only when it is told to: what takes an hour is over at once, and the same each time. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  /** A binary heap: the task that is due first comes first. */
  readonly #heap: Task[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const task: Task = { atMs: this.#nowMs + delayMs, order: this.#order++, run };
    this.#push(task);
    return () => {
      task.run = undefined;
    };
  }

  /** Runs everything that is due within this time, and what that brings about. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let task = this.#heap[0]; task !== undefined && task.atMs <= endMs; task = this.#heap[0]) {
      this.#pop();
      this.#nowMs = task.atMs;
      task.run?.();
    }
    this.#nowMs = endMs;
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** A clock for those who wait again and again. */
export function waiterClock(clock: Clock): WaiterClock {
  const waiting = new Map<Waiter, () => void>();
  return {
    nextShare: () => 0,
    now: () => clock.now(),
    after: (delayMs, run) => clock.after(delayMs, run),
    wait: (waiter, delayMs) => {
      const cancel = clock.after(delayMs, () => {
        waiting.delete(waiter);
        waiter.due();
      });
      waiting.set(waiter, cancel);
    },
    forget: (waiter) => {
      waiting.get(waiter)?.();
      waiting.delete(waiter);
    },
  };
}

/** Timers of a client by a clock. */
export function timersOf(clock: Clock): () => Timer {
  return () => {
    let cancel: (() => void) | undefined;
    return (delayMs = 0, run) => {
      cancel?.();
      cancel = run ? clock.after(delayMs, run) : undefined;
    };
  };
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
