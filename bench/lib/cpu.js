// @ts-check
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Seconds of CPU time that a process has used, user and system. `total` counts all of its threads; `main` the one that
 * runs its event loop, which tells how busy it is. From schedstat, in nanoseconds: /proc/<pid>/stat counts in
 * hundredths of a second, which is two per cent of a short round.
 *
 * @param {number} pid
 */
export function cpuSeconds(pid) {
  const seconds = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1);
    return { thread, seconds: Number(nanoseconds) / 1e9 };
  });
  return {
    total: seconds.reduce((sum, one) => sum + one.seconds, 0),
    main: seconds.find(({ thread }) => thread === String(pid))?.seconds ?? Number.NaN,
  };
}

/** Seconds in which a CPU of this machine was not idle, whoever ran; what a host took away (steal) counts, too. */
export function machineSeconds() {
  const [, ...ticks] = (readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "").split(/\s+/).map(Number);
  // user, nice, system, idle, iowait, irq, softirq, steal; the guests after them are in user already.
  return ticks.slice(0, 8).reduce((sum, count, index) => (index === 3 || index === 4 ? sum : sum + count), 0) / 100;
}

/** @param {number} pid */
export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(statusOf(pid))?.[1]) * 1024;
}

/**
 * Keeps the event loop of a process on a CPU of its own, as far as there are as many. Left alone, the kernel wakes the
 * receiver of a message on the CPU of its sender: for seconds on end, server and load share one CPU of two, and which
 * rows it hits is chance. Helper threads, those of garbage collectors, stay free.
 *
 * @param {number} pid
 * @param {number} role 0 for the server, 1 for the load, 2 for one beside it
 */
export function pin(pid, role) {
  const cpus = usableCpus();
  const cpu = cpus[role] ?? cpus.at(-1);
  execFileSync("taskset", ["--cpu-list", "--pid", String(cpu), String(pid)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** @returns {number[]} */
export function usableCpus() {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(statusOf("self"))?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
  });
}

/** @param {number | "self"} pid */
function statusOf(pid) {
  return readFileSync(`/proc/${pid}/status`, "utf8");
}
