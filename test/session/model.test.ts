import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { runModel } from "./run-model.ts";

const runs = 5000;

describe("both ends of a session over a network that fails", () => {
  it("keep what is promised, whatever happens", (t) => {
    const given = process.env["CHANNELKIT_SEED"];
    const random = new Random(seedFromEnvironment());
    const totals = new Map<string, number>();
    const count = (name: string, by = 1): unknown => totals.set(name, (totals.get(name) ?? 0) + by);
    for (let run = 0; run < (given ? 1 : runs); run += 1) {
      // The first run has the seed itself, so that the seed of any run repeats it.
      const seed = run === 0 ? random.seed : random.int(0, 2 ** 32 - 1);
      try {
        const report = runModel(seed);
        count("sessions", report.sessions);
        count("resumed", report.resumed);
        count("delivered", report.delivered);
        for (const reason of report.reasons) count(`reset: ${reason}`);
        for (const end of report.ends) count(`end: ${end}`);
      } catch (cause) {
        throw new Error(`CHANNELKIT_SEED=${seed} breaks it`, { cause });
      }
    }
    t.diagnostic(JSON.stringify(Object.fromEntries(totals)));
    if (given) return;
    for (const each of ["reset: expired", "reset: overflow", "reset: denied", "resumed", "end: peer", "end: local"]) {
      assert.ok((totals.get(each) ?? 0) > runs / 100, `hardly any run has ${each}`);
    }
  });
});
