import type { Finding } from "./finding.ts";
import { inTime } from "./finding.ts";
import type { Reply } from "./post.ts";
import type { RemedyName } from "./remedies.ts";
import { plain, shownUrl, type Target } from "./target.ts";
import { troubleOfFailure, troubleOfReply } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** What the first request has shown. */
export type Route = {
  readonly findings: readonly Finding[];
  /** Whether anything answers at all. */
  readonly isReached: boolean;
  /** Whether it opened a session. */
  readonly isOpen: boolean;
  /** What makes it open one. Undefined: it does, or what mends it is not known. */
  readonly remedy?: RemedyName | undefined;
};

/** Opens a session by the shortest request that there is: if this fails, no other can do better. */
export async function checkRoute(target: Target, visit: Visit): Promise<Route> {
  const { transport: reply, outcome } = await visit.attachOverHttp("poll");
  if (outcome === undefined) {
    return {
      findings: [{ check: "route", verdict: "FAIL", ...troubleOfFailure(reply) }],
      isReached: false,
      isOpen: false,
    };
  }
  reply.hangUp();
  // Others say no such field, and then nobody has taken it.
  const isOfSession = outcome.what === "record" || (outcome.what === "end" && outcome.code !== undefined);
  const version = checkVersion(reply, isOfSession);
  if (outcome.what !== "record") {
    const trouble = troubleOfReply(reply, outcome, target.url);
    const { remedy } = trouble;
    return {
      findings: [{ check: "route", verdict: "FAIL", ...trouble }, version],
      isReached: true,
      isOpen: false,
      remedy,
    };
  }
  const answerMs = outcome.atMs - reply.askedAtMs;
  const seen = `a session at ${shownUrl(target.url)} after ${inTime(answerMs)}`;
  return {
    findings: [{ check: "route", verdict: "ok", seen, numbers: { answerMs } }, version],
    isReached: true,
    isOpen: true,
  };
}

/** Who has answered, in which version of HTTP. */
function checkVersion({ httpVersion, headers }: Reply, isOfSession: boolean): Finding {
  const who = ["server", "via"].flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`, ${name} ${plain(String(value))}`];
  });
  // nginx takes the field for itself.
  const isTaken = headers["x-accel-buffering"] === undefined;
  const accel = `, X-Accel-Buffering ${isTaken ? "taken on the way" : "arrives"}`;
  const seen = `HTTP/${httpVersion}${who.join("")}${isOfSession ? accel : ""}`;
  return { check: "version", verdict: httpVersion === "1.0" ? "WARN" : "ok", seen };
}
