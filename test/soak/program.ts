/**
 * npm run soak [-- --minutes 30]
 *
 * Prints what is held every ten seconds, and at last what was done. Ends with 1 if a message was lost, or memory grew.
 */
import { parseArgs } from "node:util";
import { seedFromEnvironment } from "../support/random.ts";
import { growthOf } from "./growth.ts";
import { type Sample, soak } from "./soak.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, not ${values.minutes}`);
const seed = seedFromEnvironment();
const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
let count = 0;

function say(text: string): void {
  // oxlint-disable-next-line no-console -- a program that prints
  console.log(text);
}

function report({ atSeconds, heapBytes, residentBytes, descriptors, sessions, members }: Sample): void {
  count += 1;
  if (count % 5 !== 0) return;
  say(
    `${atSeconds.toFixed().padStart(5)} s  heap ${megabytes(heapBytes)} MiB  resident ${megabytes(residentBytes)} MiB  ` +
      `${descriptors} descriptors  ${sessions} sessions  ${members} members`,
  );
}

say(`CHANNELKIT_SEED=${seed}, Node ${process.version}`);
const result = await soak({ seconds: minutes * 60, seed, report });
const growth = growthOf(result.samples);
say(`${result.conversations} conversations, ${result.visits} visits, ${result.broadcasts} broadcasts`);
say(`ends of plain channels: ${JSON.stringify(result.ends)}`);
say(`heap from the second quarter to the last: ${megabytes(growth.fromBytes)} to ${megabytes(growth.toBytes)} MiB`);
for (const fault of result.faults) say(fault);
if (!growth.isFlat || result.faults.length > 0) process.exitCode = 1;
