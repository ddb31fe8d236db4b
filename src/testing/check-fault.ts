import { checkOptions } from "../channel/check-options.ts";
import { invalidArgument } from "../channel/errors.ts";
import { longestTimerMs } from "../channel/limits.ts";
import type { Fault } from "./fault.ts";

type Check = { readonly expected: string; readonly accepts: (value: unknown) => boolean };

const oneOf = (...values: readonly string[]): Check => ({
  expected: values.map((value) => JSON.stringify(value)).join(" or "),
  accepts: (value) => values.some((each) => each === value),
});

const integer = (min: number, max: number): Check => ({
  expected: `an integer from ${min} to ${max}`,
  accepts: (value) => typeof value === "number" && Number.isInteger(value) && value >= min && value <= max,
});

const most = Number.MAX_SAFE_INTEGER;
const amount = integer(0, most);
const timeMs = integer(0, longestTimerMs);

const byteCount: Check = {
  expected: "a number of bytes from 0, or { min, max } of such, min not above max",
  accepts(value) {
    if (typeof value !== "object" || value === null) return amount.accepts(value);
    const { min, max, ...others } = value as { min?: unknown; max?: unknown };
    if (Object.keys(others).length > 0 || !amount.accepts(min) || !amount.accepts(max)) return false;
    return Number(min) <= Number(max);
  },
};

const frequency = {
  probability: {
    expected: "a number from 0 to 1",
    accepts: (value: unknown) => typeof value === "number" && value >= 0 && value <= 1,
  },
  times: integer(1, most),
};
const direction = oneOf("to-server", "to-client");
const how = oneOf("reset", "fin");
const scoped = { ...frequency, on: oneOf("upgrade", "request", "stream", "answer") };
const ofResponse = { ...frequency, on: oneOf("request", "stream", "answer") };

/** What each fault may have besides its type. */
const members: { readonly [Type in Fault["type"]]: Readonly<Record<string, Check>> } = {
  cut: { ...scoped, direction, afterBytes: byteCount, how },
  "half-open": { ...scoped, direction, afterBytes: byteCount, forMs: timeMs },
  refuse: frequency,
  offline: { forMs: timeMs },
  delay: { ...scoped, direction, delayMs: timeMs, jitterMs: timeMs },
  split: { ...scoped, direction },
  // Below 400 it would not be a refusal, and a client would follow a redirect.
  "refuse-upgrade": { ...frequency, status: integer(400, 599) },
  "swallow-upgrade": frequency,
  "mute-upgrade": frequency,
  "close-upgrade": { ...frequency, how },
  "strip-upgrade": frequency,
  "hold-response": { ...ofResponse, untilBytes: integer(1, most), untilMs: timeMs },
  "drop-response": { ...ofResponse, how },
  "duplicate-request": frequency,
};
const required = new Set(["offline.forMs", "delay.delayMs"]);
const type = oneOf(...Object.keys(members));

/** Throws `INVALID_ARGUMENT`, which names what is allowed, for what is no fault. */
export function checkFault(argument: string, fault: Fault): void {
  if (typeof fault !== "object" || fault === null) throw invalidArgument(argument, "a fault with its type", fault);
  if (!type.accepts(fault.type)) throw invalidArgument(`${argument}.type`, type.expected, fault.type);
  const allowed = members[fault.type];
  checkOptions(argument, fault, ["type", ...Object.keys(allowed)]);
  const values = new Map<string, unknown>(Object.entries(fault));
  for (const [name, { expected, accepts }] of Object.entries(allowed)) {
    const value = values.get(name);
    if (value === undefined && !required.has(`${fault.type}.${name}`)) continue;
    if (!accepts(value)) throw invalidArgument(`${argument}.${name}`, expected, value);
  }
}
