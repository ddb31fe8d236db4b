import { closeCodes } from "../protocol/close-code.ts";
import type { Refused } from "./dial.ts";
import { type Finding, inTime, type Trouble } from "./finding.ts";
import { holdIdle } from "./hold-idle.ts";
import type { Failure } from "./post.ts";
import { plain, type Target } from "./target.ts";
import { troubleOfFailure, troubleOfStatus } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** Opens a WebSocket, attaches over it, and leaves it idle. */
export async function checkWebSocket(target: Target, visit: Visit): Promise<readonly Finding[]> {
  const { transport: line, outcome } = await visit.attachOverWebSocket();
  if (outcome === undefined) return failed(troubleOfDial(line, target));
  const open = `open after ${inTime(line.openMs)}`;
  if (outcome.what === "silence") {
    line.hangUp();
    return failed({
      seen: `${open}, and muted: the attach was not answered in ${inTime(target.limitMs)}`,
      remedy: "upgrade",
    });
  }
  if (outcome.what === "end") {
    const isDenied = outcome.code === closeCodes.denied;
    return failed({ seen: `${open}, and then ${plain(outcome.text)}`, remedy: isDenied ? "authorization" : "upgrade" });
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

function failed(trouble: Trouble): readonly Finding[] {
  return [
    { check: "websocket", verdict: "FAIL", ...trouble },
    { check: "websocket-idle", verdict: "skip", seen: "there was no WebSocket" },
  ];
}

/** Requests work, or it would not have come to this: so it is the upgrade that somebody does not want. */
function troubleOfDial(result: Refused | Failure, { url }: Target): Trouble {
  if (result.what === "failure") {
    const { seen } = troubleOfFailure(result);
    const isSwallowed = result.code === "TIMEOUT";
    return {
      seen: isSwallowed ? `the upgrade was swallowed: ${seen}` : `the upgrade failed: ${seen}`,
      remedy: "upgrade",
    };
  }
  const { status, location, afterMs } = result;
  const { seen, remedy } = troubleOfStatus(status, location, url);
  const isOther = remedy === "authorization" || remedy === "redirect";
  return { seen: `the upgrade was refused after ${inTime(afterMs)}: ${seen}`, remedy: isOther ? remedy : "upgrade" };
}
