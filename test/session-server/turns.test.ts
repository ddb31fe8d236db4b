import assert from "node:assert/strict";
import { test } from "node:test";
import { fillAtEndOfTurn, flushAtEndOfTurn } from "../../src/channel/turn.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function busyWait(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const count = 60;

/** Gives the turn more to fill than it has time for. */
function fillMany(): { readonly filled: number[]; readonly written: number[] } {
  const filled: number[] = [];
  const written: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const fill = (): void => {
      busyWait(0.5);
      filled.push(number);
      flushAtEndOfTurn({ endTurn: () => void written.push(number) });
    };
    fillAtEndOfTurn({ fill });
  }
  return { filled, written };
}

test("what sessions send in one turn, if it takes longer than that, is put down over several, in order, and leaves meanwhile", async () => {
  const { filled, written } = fillMany();
  const turns: number[] = [];
  // Each turn is to make some progress: there are no more of them than sources.
  while (filled.length < count && turns.length < count) {
    const before = filled.length;
    await nextTurn();
    turns.push(filled.length - before);
    assert.deepEqual(written, filled, "what was put down in a turn leaves in it");
  }
  assert.deepEqual(
    filled,
    Array.from({ length: count }, (_, index) => index),
  );
  assert.ok(turns.length > 2, `in turns of ${turns.join()}`);
});
