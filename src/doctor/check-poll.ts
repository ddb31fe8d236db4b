import { type Finding, inTime } from "./finding.ts";
import type { Target } from "./target.ts";
import { troubleOfFailure, troubleOfReply } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** A poll that is answered by so much less than it was to be held was not held for its time. */
const slackMs = 250;

/** Has a poll held for as long as a transport is left idle. The visit is carried by polls. */
export async function checkPoll(target: Target, visit: Visit): Promise<Finding> {
  const check = "poll";
  if (visit.closed !== undefined) return { check, verdict: "skip", seen: "the application closed the session" };
  const pollHoldMs = visit.terms?.pollHoldMs ?? 0;
  const holdMs = Math.max(1, Math.min(target.idleMs, pollHoldMs));
  const reply = await visit.poll(holdMs);
  if (reply.what === "failure") {
    const { seen } = troubleOfFailure(reply);
    return {
      check,
      verdict: "FAIL",
      seen: `held for ${inTime(holdMs)}: ${seen} after ${inTime(reply.afterMs)}`,
      remedy: "silence",
    };
  }
  const outcome = await reply.arrivals.until("ping", target.limitMs);
  reply.hangUp();
  const numbers = { holdMs, answeredMs: reply.headMs };
  if (outcome.what !== "record" && !isWhole(reply.status, outcome)) {
    const trouble = troubleOfReply(reply, outcome, target.url);
    // Shorter requests were answered. HAProxy and nginx say 504 when their time is over, Apache says 502.
    const remedy = reply.status === 502 || reply.status === 504 ? "silence" : trouble.remedy;
    return {
      check,
      verdict: "FAIL",
      seen: `held for ${inTime(holdMs)}: ${trouble.seen} after ${inTime(reply.headMs)}`,
      numbers,
      remedy,
    };
  }
  // The application may have said something meanwhile, which is as good an answer.
  const isEarly = reply.headMs < holdMs - slackMs;
  const seen = isEarly
    ? `answered after ${inTime(reply.headMs)}, before its time: the application had something to say`
    : `held for ${inTime(reply.headMs)}`;
  if (isEarly || holdMs >= pollHoldMs) return { check, verdict: "ok", seen, numbers };
  const enough = Math.ceil(pollHoldMs / 1000);
  return {
    check,
    verdict: "ok",
    seen: `${seen}. The server holds ${inTime(pollHoldMs)}, which was not tried: --idle ${enough}`,
    numbers,
  };
}

/** Messages of the application came, and then the response ended. */
function isWhole(status: number, outcome: { readonly what: string; readonly code?: number | undefined }): boolean {
  return status === 200 && outcome.what === "end" && outcome.code === undefined;
}
