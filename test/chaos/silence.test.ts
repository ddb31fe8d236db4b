import { describe, it } from "node:test";
import { seedFromEnvironment } from "../support/random.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { slowCases } from "./cases.ts";
import { nameOf, runCase } from "./run-case.ts";

guardAgainstUnhandled();

const seed = seedFromEnvironment();

describe(`messages both ways arrive once and in order (CHANNELKIT_SEED=${seed})`, { concurrency: 12 }, () => {
  for (const chaos of slowCases) it(nameOf(chaos), (t) => runCase(t, chaos, { seed, rounds: 1 }));
});
