import { closeCodes } from "../protocol/close-code.ts";
import type { Finding } from "./finding.ts";
import type { Target } from "./target.ts";
import { troubleOfFailure, troubleOfReply } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** Two servers by turns: the first of these is the other's. Two by lot: once in 64 times all are the one's. */
const requests = 6;

/** Why a check is not tried that takes a second request of its session. */
export const requestsAreSpread = "the requests of a session come to several servers";

/**
 * Sends requests of one session, to see whether all of them come to the server that opened it.
 *
 * One after the other, with nothing beside them: among requests that other checks make meanwhile, two servers by turns
 * may happen to get each the right ones. Each has a connection of its own, since balancers of TCP choose for each.
 *
 * @param visit - carried by polls
 */
export async function checkSameServer(target: Target, visit: Visit): Promise<Finding> {
  const check = "same-server";
  if (visit.closed !== undefined) return { check, verdict: "skip", seen: "the application closed the session" };
  for (let count = 1; count <= requests; count += 1) {
    const which = `request ${count} of ${requests}`;
    const reply = await visit.acknowledge();
    // What fails in another way will fail by itself, too, and is told by the check of its own.
    if (reply.what === "failure") return { check, verdict: "skip", seen: `${which}: ${troubleOfFailure(reply).seen}` };
    const outcome = await reply.arrivals.until("ack", target.limitMs);
    reply.hangUp();
    if (outcome.what === "record") continue;
    const { seen, remedy } = troubleOfReply(reply, outcome, target.url);
    const isElsewhere = outcome.what === "end" && outcome.code === closeCodes.unknown;
    if (!isElsewhere) return { check, verdict: "skip", seen: `${which}: ${seen}` };
    return { check, verdict: "FAIL", seen: `${which}, of a session just opened: ${seen}`, remedy };
  }
  const seen = `${requests} requests, each over a connection of its own, came to the server that opened the session`;
  return { check, verdict: "ok", seen, numbers: { requests } };
}
