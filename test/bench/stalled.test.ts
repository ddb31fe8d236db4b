import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { root } from "../architecture/source.ts";

type Result = { statuses: Record<string, number>; firstBytes: number; mostBytes: number; missing: number };
type Run = { readers: number; stalled: number; alone: Result; beside: Result };

const program = join(root, "bench", "stalled", "run.js");
const stalled = 5;
const mostGrowthBytes = 64 * 1024 * 1024;

/** The figures of a quick run, which say nothing about times. */
async function run(kind: string): Promise<Run> {
  const parameters = ["--quick", "--json", "--seconds", "2", "--stalled", String(stalled), kind];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...parameters], { timeout: 120_000 });
  return JSON.parse(stdout) as Run;
}

describe("clients that read nothing", () => {
  for (const kind of ["websocket", "stream", "session"]) {
    it(`of a group over ${kind} are closed as overflow; all others get every message, and memory is bounded [C127, P42]`, async () => {
      const { readers, alone, beside } = await run(kind);
      assert.ok(readers > 0);
      assert.deepEqual(beside.statuses, { overflow: stalled });
      for (const { missing, firstBytes, mostBytes } of [alone, beside]) {
        assert.equal(missing, 0);
        assert.ok(mostBytes - firstBytes < mostGrowthBytes, `${firstBytes} became ${mostBytes} bytes`);
      }
    });
  }

  it("and poll get an answer for each poll, which ends its channel; all others get every message [C127, P42]", async () => {
    const { alone, beside } = await run("poll");
    assert.deepEqual(Object.keys(beside.statuses), ["server-close"]);
    for (const { missing } of [alone, beside]) assert.equal(missing, 0);
  });
});
