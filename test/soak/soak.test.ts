import assert from "node:assert/strict";
import { it } from "node:test";
import { seedFromEnvironment } from "../support/random.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { growthOf } from "./growth.ts";
import { soak } from "./soak.ts";

guardAgainstUnhandled();

const seed = seedFromEnvironment();
const seconds = 120;

const name = `${seconds} seconds of mixed load with faults: no message is lost, memory does not grow, nothing is left`;

it(name, { timeout: 400_000 }, async (t) => {
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const result = await soak({ seconds, seed });
  const { fromBytes, toBytes, isFlat } = growthOf(result.samples);
  const { conversations, visits, broadcasts, ends } = result;
  t.diagnostic(`${conversations} conversations, ${visits} visits, ${broadcasts} broadcasts, ${JSON.stringify(ends)}`);
  t.diagnostic(`heap from ${fromBytes} to ${toBytes} bytes`);
  assert.ok(isFlat, `the heap grew from ${fromBytes} to ${toBytes} bytes`);
  assert.deepEqual(result.faults, []);
  assert.ok(conversations > 20 && visits > 200 && broadcasts > 2000, "so little was done that nothing is shown");
});
