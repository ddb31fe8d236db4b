import type { IncomingMessage } from "node:http";
import type { Limits } from "../channel/limits.ts";
import { isHost } from "./host.ts";

/** Why a request is refused, before any handler sees it. The connection closes after the answer. */
export type RequestFault = {
  readonly status: number;
  readonly rule: string;
  /** Further fields of the answer. */
  readonly fields?: readonly (readonly [string, string])[];
};

/** Fields that change how a message is read, routed or trusted must not come after its body (RFC 9110 §6.5.1). */
const forbiddenTrailers: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "host",
  "proxy-authorization",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Checks the head of a request beyond what Node's parser does.
 *
 * Each check closes a way in which two parties could read the same bytes differently, or one to exhaust the other.
 */
export function checkRequestHead(request: IncomingMessage, limits: Limits): RequestFault | undefined {
  const isOld = request.httpVersion === "1.0";
  if (!isOld && request.httpVersion !== "1.1") return fault(400, "the HTTP version is neither 1.0 nor 1.1");
  const { rawHeaders, method = "", url = "" } = request;
  const longestLine = limits.maxLineBytes - 2;
  // "GET /path HTTP/1.1": the method, the target, the version and two spaces.
  const requestLineBytes = method.length + url.length + 10;
  if (requestLineBytes > longestLine) return fault(414, "the request line is too long");
  if (rawHeaders.length / 2 > limits.maxHeaders) return fault(431, "the request has too many header lines");
  let bytes = requestLineBytes + 2;
  let hosts = 0;
  let codings = 0;
  // One walk over all lines: this is done for every request.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    // "Name: value": Node gives names and values in Latin-1, one character a byte.
    const lineBytes = name.length + (rawHeaders[index + 1]?.length ?? 0) + 2;
    if (lineBytes > longestLine) return fault(414, "a header line is too long");
    bytes += lineBytes + 2;
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
    else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") codings += 1;
  }
  if (bytes > limits.maxHeaderBytes) return fault(431, "the header lines are too long together");
  return checkHost(request, hosts, isOld) ?? checkBodyFraming(request, { codings, isOld, limits });
}

/** Checks the fields that came after a chunked body. */
export function checkTrailers(request: IncomingMessage): RequestFault | undefined {
  const names = request.rawTrailers.filter((_, index) => index % 2 === 0);
  const forbidden = names.find((name) => forbiddenTrailers.has(name.toLowerCase()));
  return forbidden === undefined ? undefined : fault(400, "a trailer has a field that belongs in the head");
}

/** Whether a body follows the head. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers["transfer-encoding"] !== undefined || (request.headers["content-length"] ?? "0") !== "0";
}

/** A scheme and a host (RFC 9112 §3.2.2, RFC 3986 §3.1). */
const absoluteTarget = /^([a-z][a-z\d+.-]*):\/\/([^/?#]*)/i;

/** @param hosts - how many Host fields there are; Node gives the first */
function checkHost(request: IncomingMessage, hosts: number, isOptional: boolean): RequestFault | undefined {
  if (hosts > 1) return fault(400, "the request has more than one Host field");
  const { host } = request.headers;
  if (host === undefined) return isOptional ? undefined : fault(400, "the request has no Host field");
  if (!isHost(host)) return fault(400, "the Host field is no host");
  // RFC 9112 §3.2.2: the target wins, so an unequal pair is only of use to mislead, as is a scheme that is not served.
  const target = request.url?.startsWith("/") === true ? null : absoluteTarget.exec(request.url ?? "");
  if (target === null) return undefined;
  const [, scheme = "", targetHost = ""] = target;
  if (!/^https?$/i.test(scheme)) return fault(400, "the request target is of another scheme");
  if (targetHost.toLowerCase() === host.toLowerCase()) return undefined;
  return fault(400, "the Host field is not the host of the request target");
}

/** @param codings - how many Transfer-Encoding fields there are; Node gives them joined */
function checkBodyFraming(
  { headers }: IncomingMessage,
  { codings, isOld, limits }: { codings: number; isOld: boolean; limits: Limits },
): RequestFault | undefined {
  if (codings > 0) {
    if (isOld) return fault(400, "HTTP/1.0 has no Transfer-Encoding");
    // Only "chunked" alone: Node would pass a body in another coding on as it is.
    if (codings > 1 || headers["transfer-encoding"]?.toLowerCase() !== "chunked")
      return fault(400, "an unknown Transfer-Encoding");
  }
  const length = headers["content-length"];
  if (length !== undefined && Number(length) > limits.maxBodyBytes) return fault(413, "the body is too long");
  return undefined;
}

function fault(status: number, rule: string): RequestFault {
  return { status, rule };
}
