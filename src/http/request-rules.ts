import type { IncomingMessage } from "node:http";
import type { Limits } from "../channel/limits.ts";

/** Why a request is refused, before any handler sees it. The connection closes after the answer. */
export type RequestFault = {
  readonly status: number;
  readonly rule: string;
  /** Further fields of the answer. */
  readonly fields?: readonly (readonly [string, string])[];
};

// RFC 3986 §3.2: a registered name, an IPv4 address or an IPv6 address in brackets, and a port.
const hostPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::(\d{1,5}))?$/;

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
  return checkSizes(request, limits) ?? checkHost(request, isOld) ?? checkBodyFraming(request, isOld, limits);
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

function checkSizes(request: IncomingMessage, limits: Limits): RequestFault | undefined {
  const { rawHeaders, method = "", url = "" } = request;
  const longestLine = limits.maxLineBytes - 2;
  // "GET /path HTTP/1.1": the method, the target, the version and two spaces.
  const requestLineBytes = method.length + url.length + 10;
  if (requestLineBytes > longestLine) return fault(414, "the request line is too long");
  if (rawHeaders.length / 2 > limits.maxHeaders) return fault(431, "the request has too many header lines");
  let bytes = requestLineBytes + 2;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    // "Name: value": Node gives names and values in Latin-1, one character a byte.
    const lineBytes = (rawHeaders[index]?.length ?? 0) + (rawHeaders[index + 1]?.length ?? 0) + 2;
    if (lineBytes > longestLine) return fault(414, "a header line is too long");
    bytes += lineBytes + 2;
  }
  return bytes > limits.maxHeaderBytes ? fault(431, "the header lines are too long together") : undefined;
}

function checkHost(request: IncomingMessage, isOptional: boolean): RequestFault | undefined {
  const hosts = valuesOf(request, "host");
  const [host] = hosts;
  if (hosts.length > 1) return fault(400, "the request has more than one Host field");
  if (host === undefined) return isOptional ? undefined : fault(400, "the request has no Host field");
  const match = hostPattern.exec(host);
  if (match === null || Number(match[1] ?? 0) > 65_535) return fault(400, "the Host field is no host");
  const target = /^https?:\/\/([^/?#]*)/i.exec(request.url ?? "");
  // RFC 9112 §3.2.2: the target wins, so an unequal pair is only of use to mislead.
  if (target !== null && target[1]?.toLowerCase() !== host.toLowerCase()) {
    return fault(400, "the Host field is not the host of the request target");
  }
  return undefined;
}

function checkBodyFraming(request: IncomingMessage, isOld: boolean, limits: Limits): RequestFault | undefined {
  const codings = valuesOf(request, "transfer-encoding");
  if (codings.length > 0) {
    if (isOld) return fault(400, "HTTP/1.0 has no Transfer-Encoding");
    // Only "chunked" alone: Node would pass a body in another coding on as it is.
    if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked")
      return fault(400, "an unknown Transfer-Encoding");
  }
  const length = request.headers["content-length"];
  if (length !== undefined && Number(length) > limits.maxBodyBytes) return fault(413, "the body is too long");
  return undefined;
}

function valuesOf({ rawHeaders }: IncomingMessage, lowerName: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === lowerName.length && name.toLowerCase() === lowerName) values.push(rawHeaders[index + 1] ?? "");
  }
  return values;
}

function fault(status: number, rule: string): RequestFault {
  return { status, rule };
}
