import type { Scope } from "../server/set-server.ts";

/** Runs something with what it made, which ends behind it: the latest first. */
export async function inScope(run: (scope: Scope) => Promise<void>): Promise<void> {
  const ends: (() => unknown)[] = [];
  try {
    await run({ after: (end) => void ends.push(end as () => unknown) });
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}
