import { closeCodes } from "../protocol/close-code.ts";
import type { End } from "./arrivals.ts";
import type { Refused } from "./dial.ts";
import { type Finding, inTime, type Trouble } from "./finding.ts";
import { holdIdle } from "./hold-idle.ts";
import type { Failure } from "./post.ts";
import type { RemedyName } from "./remedies.ts";
import { plain, type Target } from "./target.ts";
import { codeRemedies, troubleOfFailure, troubleOfStatus } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/**
 * Opens a WebSocket, attaches over it, and leaves it idle.
 *
 * @param ofFailure - what mends an upgrade that failed, unless its answer says so. Where requests work, it is the upgrade that
 *   somebody does not want; where they do not, it fails for the same reason
 */
export async function checkWebSocket(
  target: Target,
  visit: Visit,
  ofFailure: RemedyName | undefined,
): Promise<readonly Finding[]> {
  const { transport: line, outcome } = await visit.attachOverWebSocket();
  if (outcome === undefined) return failed(troubleOfDial(line, target, ofFailure));
  const open = `open after ${inTime(line.openMs)}`;
  if (outcome.what === "silence") {
    line.hangUp();
    return failed({
      seen: `${open}, and muted: the attach was not answered in ${inTime(target.limitMs)}`,
      remedy: "upgrade",
    });
  }
  if (outcome.what === "end") {
    // A peer that says the end may leave the connection open, which would keep the process.
    line.hangUp();
    return failed({ seen: `${open}, and then ${plain(outcome.text)}`, remedy: remedyOfEnd(outcome) });
  }
  const { pingIntervalMs } = outcome.record;
  const seen = `${open}, the attach answered ${inTime(outcome.atMs - line.openedAtMs)} later`;
  const numbers = { openMs: line.openMs, attachedMs: outcome.atMs - line.openedAtMs };
  const idle = await holdIdle({
    check: "websocket-idle",
    arrivals: line.arrivals,
    idleMs: target.idleMs,
    serverSpeaksMs: pingIntervalMs === 0 ? undefined : pingIntervalMs,
    answer: () => line.write({ type: "pong" }),
  });
  line.hangUp();
  return [{ check: "websocket", verdict: "ok", seen, numbers }, idle];
}

/** A code of the protocol came over the WebSocket, so upgrades do pass; except that of a server which no attach has come to. */
function remedyOfEnd({ code = 0 }: End): RemedyName | undefined {
  return code < closeCodes.shutdown || code === closeCodes.late ? "upgrade" : codeRemedies.get(code);
}

function failed(trouble: Trouble): readonly Finding[] {
  return [
    { check: "websocket", verdict: "FAIL", ...trouble },
    { check: "websocket-idle", verdict: "skip", seen: "there was no WebSocket" },
  ];
}

function troubleOfDial(result: Refused | Failure, { url }: Target, ofFailure: RemedyName | undefined): Trouble {
  if (result.what === "failure") {
    const { seen } = troubleOfFailure(result);
    const how = result.code === "TIMEOUT" ? "was swallowed" : "failed";
    return { seen: `the upgrade ${how}: ${seen}`, remedy: ofFailure };
  }
  const { status, location, afterMs } = result;
  const { seen, remedy } = troubleOfStatus(status, location, url);
  const isOther = remedy === "authorization" || remedy === "redirect" || remedy === "slash";
  return { seen: `the upgrade was refused after ${inTime(afterMs)}: ${seen}`, remedy: isOther ? remedy : ofFailure };
}
