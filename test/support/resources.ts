import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as nextCheck } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Open file descriptors of a process (Linux), without the one that the question itself needs. */
export function openDescriptors(pid = process.pid): number {
  return readdirSync(`/proc/${pid}/fd`).length - (pid === process.pid ? 1 : 0);
}

/** Memory of a process that is in RAM now (Linux). */
export function residentBytes(pid = process.pid): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (match === null) throw new Error(`process ${pid} has no resident memory: it has ended`);
  return Number(match[1]) * 1024;
}

/** What this process has cost so far, however busy the machine is with others. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What keeps this process alive, counted by kind. */
export function activeResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

let collect: (() => void) | undefined;

/** What is in use at this very moment of a turn. */
export function heapUsedNow(): number {
  collectNow();
  return process.memoryUsage().heapUsed;
}

function collectNow(): void {
  const { gc } = globalThis;
  collect ??= gc === undefined ? exposedCollector() : () => gc();
  collect();
}

/** Collects twice, with turns between, since finalizers and closing handles let go of more. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await nextCheck();
    collectNow();
  }
  await nextCheck();
}

function exposedCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void; // the flag only counts for contexts made after it
}

export async function heapUsedAfterGarbageCollection(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}
