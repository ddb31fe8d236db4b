import { describe, it } from "node:test";
import { seedFromEnvironment } from "../support/random.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { quickCases } from "./cases.ts";
import { nameOf, runCase } from "./run-case.ts";

guardAgainstUnhandled();

const seed = seedFromEnvironment();

// Each has a server and a proxy of its own, and waits for timers most of the time.
describe(`messages both ways arrive once and in order (CHANNELKIT_SEED=${seed})`, { concurrency: 4 }, () => {
  for (const chaos of quickCases) it(nameOf(chaos), (t) => runCase(t, chaos, { seed, rounds: 2 }));
});
