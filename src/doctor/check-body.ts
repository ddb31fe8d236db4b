import { closeCodes } from "../protocol/close-code.ts";
import type { Finding } from "./finding.ts";
import type { Target } from "./target.ts";
import { troubleOfFailure, troubleOfReply } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** Most bytes that are sent for a try. */
const mostTriedBytes = 4 * 1024 * 1024;

/** Sends a message as large as they may be, which no application gets. The visit is carried by polls. */
export async function checkBody(target: Target, visit: Visit): Promise<Finding> {
  const check = "body";
  if (visit.closed !== undefined) return { check, verdict: "skip", seen: "the application closed the session" };
  const { maxMessageBytes = 0 } = visit.terms ?? {};
  const messageBytes = Math.min(maxMessageBytes, mostTriedBytes);
  const numbers = { messageBytes, maxMessageBytes };
  const what = `a message of ${messageBytes} bytes`;
  const reply = await visit.sendInVain(messageBytes);
  if (reply.what === "failure") {
    return { check, verdict: "FAIL", seen: `${what}: ${troubleOfFailure(reply).seen}`, numbers, remedy: "bodyLimit" };
  }
  const outcome = await reply.arrivals.until("ack", target.limitMs);
  reply.hangUp();
  if (outcome.what === "end" && outcome.code === closeCodes.superseded) {
    const isAll = messageBytes === maxMessageBytes;
    const rest = isAll
      ? ", as large as the server takes"
      : `; the server takes ${maxMessageBytes}, which was not tried`;
    return { check, verdict: "ok", seen: `${what} came through${rest}`, numbers };
  }
  if (outcome.what === "record")
    return { check, verdict: "WARN", seen: `${what} was taken, though it named no attach`, numbers };
  const { seen, remedy } = troubleOfReply(reply, outcome, target.url);
  // Smaller requests were answered: where no server says why this one is not, it is its size.
  const isSaid = outcome.what === "end" && outcome.code !== undefined;
  return { check, verdict: "FAIL", seen: `${what}: ${seen}`, numbers, remedy: isSaid ? remedy : "bodyLimit" };
}
