import type { ErrorListener } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { OutputBudget } from "./output-budget.ts";

/** What all channels of one server share. */
export type Environment = {
  readonly limits: Limits;
  /** What waits for all of them together. */
  readonly budget: OutputBudget;
  /** The one place where faults are reported that nobody called for. Never throws. */
  readonly report: ErrorListener;
  /** Value of the `Server` header field, or undefined for none. */
  readonly serverHeader: string | undefined;
};
