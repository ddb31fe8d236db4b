// @ts-check
import { readFileSync } from "node:fs";

/** The kernel's unit in /proc, 1/100 s on every Linux that matters. */
const ticksPerSecond = 100;

/**
 * @param {number | "self"} pid
 * @returns {number} seconds of CPU time that a process has used, user and system, all of its threads
 */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** @param {number} pid */
export function residentBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}
