import { checkBody } from "./check-body.ts";
import { checkOrigin } from "./check-origin.ts";
import { checkParallel } from "./check-parallel.ts";
import { checkPoll } from "./check-poll.ts";
import { checkRoute } from "./check-route.ts";
import { checkSameServer, requestsAreSpread } from "./check-same-server.ts";
import { checkStream } from "./check-stream.ts";
import { checkWebSocket } from "./check-web-socket.ts";
import type { CheckName, Finding } from "./finding.ts";
import type { RemedyFacts } from "./remedies.ts";
import type { Target } from "./target.ts";
import { Visit } from "./visit.ts";

export type Diagnosis = { readonly findings: readonly Finding[]; readonly facts: RemedyFacts };

type Course = () => Promise<readonly Finding[]>;

/**
 * Looks at a route of sessions as clients see it: every check in turn, those that wait side by side.
 *
 * Takes `idleMs` and a second or two where all is well. Every answer is waited for `limitMs` at most. Never rejects
 * for what a peer does.
 */
export async function diagnose(target: Target): Promise<Diagnosis> {
  const polling = new Visit(target);
  const streaming = new Visit(target);
  const talking = new Visit(target);
  const findings: Finding[] = [];
  const route = await checkRoute(target, polling);
  findings.push(...route.findings);
  if (route.isOpen) {
    const sameServer = await checkSameServer(target, polling);
    // Then what takes one request is looked at, and what takes more would show by chance what is known already.
    const isSpread = sameServer.verdict === "FAIL";
    const parallel = isSpread ? notTried("parallel") : await checkParallel(polling, streaming);
    findings.push(sameServer, parallel);
    const poll: Course = async () => [await checkPoll(target, polling), await checkBody(target, polling)];
    const courses: readonly Course[] = [
      () => checkWebSocket(target, talking, "upgrade"),
      () => checkStream(target, streaming, { canAnswer: !isSpread }),
      isSpread ? async () => [notTried("poll"), notTried("body")] : poll,
    ];
    // Where a client may have only one at a time, each is still worth to be seen by itself.
    const canBeAtOnce = parallel.verdict !== "FAIL";
    for (const course of canBeAtOnce ? [all(courses)] : courses) findings.push(...(await course()));
    const hasWebSocket = findings.some(({ check, verdict }) => check === "websocket" && verdict === "ok");
    findings.push(...(await checkOrigin(target, hasWebSocket)));
  } else if (route.isReached) findings.push(...(await checkWebSocket(target, talking, route.remedy)));
  const { terms } = polling;
  await Promise.all([polling, streaming, talking].map((visit) => visit.leave()));
  return { findings, facts: factsOf(target, terms) };
}

function notTried(check: CheckName): Finding {
  return { check, verdict: "skip", seen: requestsAreSpread };
}

function all(courses: readonly Course[]): Course {
  return async () => (await Promise.all(courses.map((course) => course()))).flat();
}

/** As docs/proxies.md has them, or more where the server asks for more. */
function factsOf({ url, origin }: Target, terms: Visit["terms"]): RemedyFacts {
  const { pingIntervalMs = 0, pollHoldMs = 0, maxMessageBytes = 0 } = terms ?? {};
  return {
    path: url.pathname,
    origin,
    silenceSeconds: Math.max(75, Math.ceil((2 * Math.max(pingIntervalMs, pollHoldMs)) / 1000)),
    // docs/limits.md: what stands before the largest message has 32 KiB.
    bodyBytes: Math.max(1024 * 1024, maxMessageBytes + 32 * 1024),
  };
}
