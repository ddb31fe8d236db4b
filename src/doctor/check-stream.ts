import { lumpMs, secondTickMs, secondTickSlackMs } from "../protocol/stream-tick.ts";
import { requestsAreSpread } from "./check-same-server.ts";
import { checkStreamHead } from "./check-stream-head.ts";
import { type Finding, inTime } from "./finding.ts";
import { holdIdle } from "./hold-idle.ts";
import type { Reply } from "./post.ts";
import { plain, type Target } from "./target.ts";
import { codeRemedies, troubleOfFailure, troubleOfReply } from "./trouble.ts";
import type { Visit } from "./visit.ts";

/** PROTOCOL.md, Heartbeat: the server writes over a stream at least so often. */
const streamTickMs = 15_000;

/**
 * Attaches a stream, sees by its second tick whether it is held back, reads its head, and leaves it idle.
 *
 * @param canAnswer - whether requests come to where the stream is: without an answer to its pings the server ends it
 */
export async function checkStream(
  target: Target,
  visit: Visit,
  { canAnswer }: { readonly canAnswer: boolean },
): Promise<readonly Finding[]> {
  const { transport: reply, outcome } = await visit.attachOverHttp("stream");
  if (outcome === undefined) {
    // The route answers, as was seen before: what does not come is a response that goes on.
    const { seen } = troubleOfFailure(reply);
    return failed(reply.code === "TIMEOUT" ? `held back: ${seen}, though polls are answered` : seen);
  }
  if (outcome.what !== "record") {
    reply.hangUp();
    const { seen, remedy } = troubleOfReply(reply, outcome, target.url);
    return [{ ...notBegun(seen), remedy }, ...(reply.status === 200 ? checkStreamHead(reply) : []), noIdle];
  }
  const stream = await watchTick(reply, outcome.atMs);
  const idle = stream.verdict !== "ok" ? noIdle : canAnswer ? await leaveIdle(reply, target, visit) : noAnswer;
  reply.hangUp();
  return [stream, ...checkStreamHead(reply), idle];
}

function leaveIdle({ arrivals }: Reply, { idleMs }: Target, visit: Visit): Promise<Finding> {
  return holdIdle({
    check: "stream-idle",
    arrivals,
    idleMs,
    serverSpeaksMs: streamTickMs,
    answer: () => void visit.acknowledge().then((answer) => answer.what === "reply" && answer.hangUp()),
  });
}

/** As clients do (PROTOCOL.md, Streams that are held back). */
async function watchTick(reply: Reply, attachedAtMs: number): Promise<Finding> {
  const answerMs = attachedAtMs - reply.askedAtMs;
  const patienceMs = secondTickMs + secondTickSlackMs + answerMs;
  const tick = await reply.arrivals.until("tick", patienceMs);
  const begun = `begun after ${inTime(answerMs)}`;
  if (tick.what === "end") {
    const remedy = tick.code === undefined ? "cut" : codeRemedies.get(tick.code);
    return { ...notBegun(`${begun}, and then ${plain(tick.text)}`), numbers: { answerMs }, remedy };
  }
  if (tick.what === "silence") {
    return { ...notBegun(`${begun}, and then nothing for ${inTime(patienceMs)}: held back`), numbers: { answerMs } };
  }
  const secondTickAfterMs = tick.atMs - attachedAtMs;
  const numbers = { answerMs, secondTickAfterMs };
  const seen = `${begun}, the second tick ${inTime(secondTickAfterMs)} later`;
  if (secondTickAfterMs < lumpMs) return { ...notBegun(`${seen}: both were held back`), numbers };
  return { check: "stream", verdict: "ok", seen, numbers };
}

const noIdle: Finding = { check: "stream-idle", verdict: "skip", seen: "there was no stream that flows" };
const noAnswer: Finding = { check: "stream-idle", verdict: "skip", seen: requestsAreSpread };

function notBegun(seen: string): Finding {
  return { check: "stream", verdict: "FAIL", seen, remedy: "buffering" };
}

function failed(seen: string): readonly Finding[] {
  return [notBegun(seen), noIdle];
}
