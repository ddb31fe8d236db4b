import { inTime, type Finding } from "./finding.ts";
import type { Visit } from "./visit.ts";

const holdMs = 500;

/** Of proxies that bound what a client may have at once. */
const refusesMore = (status: number): boolean => status === 429 || status === 503;

/**
 * Holds a poll and attaches a stream meanwhile: two long responses at once, as two tabs have.
 *
 * What would fail by itself, too, is told by the check of its own.
 *
 * @param polling - carried by polls
 */
export async function checkParallel(polling: Visit, streaming: Visit): Promise<Finding> {
  if (polling.closed !== undefined) return notTried("the application closed the session");
  const [held, { transport: stream, outcome }] = await Promise.all([
    polling.poll(holdMs),
    streaming.attachOverHttp("stream"),
  ]);
  const replies = [held, stream].filter((reply) => reply.what === "reply");
  for (const reply of replies) reply.hangUp();
  const refused = replies.find(({ status }) => refusesMore(status));
  if (refused !== undefined) return inLine(`of a poll and a stream at once, one was answered ${refused.status}`);
  if (held.what === "failure" || held.status !== 200) return notTried("the poll failed, see there");
  if (stream.what === "failure" || outcome?.what !== "record") return notTried("the stream did not begin, see there");
  const streamMs = outcome.atMs - stream.askedAtMs;
  const seen = `a stream began after ${inTime(streamMs)} beside a poll that was held for ${inTime(held.headMs)}`;
  const numbers = { streamMs, pollMs: held.headMs };
  if (held.headMs < holdMs) return notTried("the application answered the poll at once");
  if (outcome.atMs >= held.askedAtMs + held.headMs) return { ...inLine(seen), numbers };
  return { check: "parallel", verdict: "ok", seen, numbers };
}

function inLine(seen: string): Finding {
  return { check: "parallel", verdict: "FAIL", seen, remedy: "connections" };
}

function notTried(seen: string): Finding {
  return { check: "parallel", verdict: "skip", seen };
}
