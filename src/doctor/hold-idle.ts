import type { Arrivals } from "./arrivals.ts";
import { closeCodes } from "../protocol/close-code.ts";
import { type CheckName, type Finding, inTime } from "./finding.ts";
import { plain } from "./target.ts";

export type Idle = {
  readonly check: Extract<CheckName, "websocket-idle" | "stream-idle">;
  readonly arrivals: Arrivals;
  readonly idleMs: number;
  /** By when the server says something by itself; undefined: never. */
  readonly serverSpeaksMs: number | undefined;
  /** Answers a ping of the server. */
  readonly answer: () => void;
};

/** The timers of a server come in beats. */
const almost = 0.9;

/** Leaves a transport alone, and sees whether it lasts. */
export async function holdIdle({ check, arrivals, idleMs, serverSpeaksMs, answer }: Idle): Promise<Finding> {
  arrivals.beginSilence();
  const beganAtMs = performance.now();
  for (;;) {
    const outcome = await arrivals.until("ping", beganAtMs + idleMs - performance.now());
    if (outcome.what === "record") {
      answer();
      continue;
    }
    const silenceMs = arrivals.longestSilenceMs;
    if (outcome.what === "silence") return lasted(check, silenceMs, serverSpeaksMs);
    const livedMs = outcome.atMs - beganAtMs;
    const numbers = { livedMs };
    const end = plain(outcome.text);
    if (outcome.code === closeCodes.shutdown) {
      return { check, verdict: "WARN", seen: `the server stopped after ${inTime(livedMs)}: ${end}`, numbers };
    }
    const seen = `cut after ${inTime(livedMs)} of silence (${end}); ${rhythm(serverSpeaksMs)}`;
    return { check, verdict: "FAIL", seen, numbers, remedy: "silence" };
  }
}

function lasted(check: Idle["check"], silenceMs: number, serverSpeaksMs: number | undefined): Finding {
  const seen = `lasted through ${inTime(silenceMs)} of silence; ${rhythm(serverSpeaksMs)}`;
  const numbers = { silenceMs };
  if (serverSpeaksMs === undefined) return { check, verdict: "WARN", seen, numbers };
  if (silenceMs >= serverSpeaksMs * almost) return { check, verdict: "ok", seen, numbers };
  const enough = Math.ceil(serverSpeaksMs / 1000) + 5;
  return { check, verdict: "ok", seen: `${seen}. A longer silence was not tried: --idle ${enough}`, numbers };
}

function rhythm(serverSpeaksMs: number | undefined): string {
  return serverSpeaksMs === undefined
    ? "the server has its pings turned off"
    : `the server speaks after ${inTime(serverSpeaksMs)}`;
}
