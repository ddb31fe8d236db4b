import { dial } from "./dial.ts";
import type { Finding, Trouble } from "./finding.ts";
import { post, type Reply } from "./post.ts";
import { plain, type Target } from "./target.ts";
import { troubleOfFailure } from "./trouble.ts";

/** Of nobody (RFC 2606 §2). */
const foreignOrigin = "https://channelkit-doctor.invalid";

/** What a page tried, whether it may, and how that was seen. */
type Attempt = {
  readonly isAllowed: boolean;
  readonly seen: string;
  readonly status?: number | undefined;
  readonly reply?: Reply;
};
type Fields = Readonly<Record<string, string>>;

/** Asks as a page, by a request and, where there is one, by a WebSocket: once for each set of header fields. */
type Ask = (headers: Fields) => Promise<readonly Attempt[]>;

/**
 * Asks as a page of the application does, and as a page of somebody else. Neither opens a session.
 *
 * @param hasWebSocket - without it, a WebSocket that is refused says nothing of origins
 */
export async function checkOrigin(target: Target, hasWebSocket: boolean): Promise<readonly Finding[]> {
  // One after the other: where a client may have few requests at once, the next would be refused for that.
  const ask: Ask = async (headers) => {
    const request = await askRequest(target, headers);
    return hasWebSocket ? [request, await askSocket(target, headers)] : [request];
  };
  return [await checkOwn(target, ask), await checkForeign(ask)];
}

async function checkForeign(ask: Ask): Promise<Finding> {
  const check = "origin-foreign";
  // Without Sec-Fetch-Site, which would do without the origin: browsers do not say it to every address, and older ones to none.
  const attempts = await ask({ origin: foreignOrigin });
  const seen = `a page of another origin ${shown(attempts)}`;
  if (!attempts.some(({ isAllowed }) => isAllowed)) return { check, verdict: "ok", seen };
  // The server says so where its options allow all. Else it has not seen the origin.
  const isMeant = attempts[0]?.reply?.headers["access-control-allow-origin"] === "*";
  return { check, verdict: isMeant ? "WARN" : "FAIL", seen, remedy: isMeant ? "anyOrigin" : "originField" };
}

async function checkOwn(target: Target, ask: Ask): Promise<Finding> {
  const check = "origin-own";
  const { origin, url } = target;
  const isSame = origin === url.origin;
  const attempts = await ask({ origin });
  const seen = `a page of ${plain(origin)} ${shown(attempts)}`;
  if (mayAll(attempts)) {
    const trouble = isSame ? undefined : await sharingTrouble(target, attempts[0]?.reply);
    return trouble === undefined ? { check, verdict: "ok", seen } : { check, verdict: "FAIL", ...trouble };
  }
  if (!isSame) return { check, verdict: "FAIL", seen, remedy: "origins" };
  // Browsers say it where they trust the address, and then the server believes it.
  const isRefused = attempts.some(({ status }) => status === 403);
  const isBelieved = isRefused && isTrustworthy(url) && mayAll(await ask({ origin, "sec-fetch-site": "same-origin" }));
  if (!isBelieved) return { check, verdict: "FAIL", seen, remedy: "host" };
  const more = "with Sec-Fetch-Site, which older browsers do not send, it may";
  return { check, verdict: "WARN", seen: `${seen}; ${more}`, remedy: "host" };
}

function mayAll(attempts: readonly Attempt[]): boolean {
  return attempts.every(({ isAllowed }) => isAllowed);
}

function shown(attempts: readonly Attempt[]): string {
  return attempts.map(({ seen }) => seen).join(", ");
}

async function askSocket(target: Target, headers: Fields): Promise<Attempt> {
  const result = await dial(target, { limitMs: target.limitMs, headers });
  if (result.what === "line") result.hangUp();
  if (result.what === "line") return { isAllowed: true, seen: "may open a WebSocket" };
  const status = result.what === "refused" ? result.status : undefined;
  const why = result.what === "refused" ? String(status) : troubleOfFailure(result).seen;
  return { isAllowed: false, status, seen: `may open no WebSocket (${why})` };
}

/** A poll of no session: the server says that it knows none to those pages alone whose requests it takes. */
async function askRequest(target: Target, headers: Fields): Promise<Attempt> {
  const { limitMs } = target;
  const reply = await post(target, [{ type: "poll", attach: 1, poll: 1, received: 0 }], { limitMs, headers });
  if (reply.what === "failure")
    return { isAllowed: false, seen: `may send no request (${troubleOfFailure(reply).seen})` };
  const outcome = await reply.arrivals.until("ack", limitMs);
  reply.hangUp();
  const isAllowed = outcome.what === "end" && outcome.code !== undefined;
  return {
    isAllowed,
    reply,
    status: reply.status,
    seen: isAllowed ? "may send requests" : `may send no request (${reply.status})`,
  };
}

/** Why the browser of a page of another origin would not let it read the answers. */
async function sharingTrouble(target: Target, reply: Reply | undefined): Promise<Trouble | undefined> {
  const { origin, limitMs } = target;
  const remedy = "origins";
  const shared = reply?.headers["access-control-allow-origin"];
  if (shared !== "*" && shared !== origin) {
    return {
      seen: `a page of ${plain(origin)} may not read answers: Access-Control-Allow-Origin ${plain(shared ?? "is missing")}`,
      remedy,
    };
  }
  const asked = "authorization, channelkit-protocol, channelkit-session, content-type";
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": asked };
  const preflight = await post(target, [], { method: "OPTIONS", limitMs, headers });
  if (preflight.what === "failure") return { seen: `its OPTIONS request: ${troubleOfFailure(preflight).seen}`, remedy };
  preflight.hangUp();
  const isTaken = preflight.status >= 200 && preflight.status < 300;
  return isTaken ? undefined : { seen: `its OPTIONS request was answered ${preflight.status}`, remedy };
}

/** W3C Secure Contexts §3.1: browsers say Sec-Fetch-Site to these alone. */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
