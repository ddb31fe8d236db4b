import type { Framing, Head } from "./http-scanner.ts";

/** How the body of a request ends (RFC 9112 §6.3). */
export function requestFraming({ fields }: Head): Framing {
  if (isChunked(fields)) return "chunked";
  return lengthOf(fields) ?? 0;
}

/** How the body of a response ends, which the method of its request decides, too (RFC 9112 §6.3). */
export function responseFraming(head: Head, method: string): Framing {
  const status = statusOf(head);
  if (status === 101) return "tunnel";
  if (method === "HEAD" || isInterim(status) || status === 204 || status === 304) return 0;
  if (isChunked(head.fields)) return "chunked";
  return lengthOf(head.fields) ?? "until-end";
}

export function statusOf({ startLine }: Head): number {
  return Number(startLine.split(" ", 2)[1]);
}

/** A response that another one follows. 101 is the last in HTTP. */
export function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101;
}

/** Whether a request asks for a WebSocket. */
export function isUpgrade({ fields }: Head): boolean {
  return hasToken(fields.get("connection"), "upgrade") && hasToken(fields.get("upgrade"), "websocket");
}

/** A request as it leaves a proxy that knows no upgrades: without the fields for the next hop (RFC 9110 §7.6.1). */
export function withoutUpgrade({ bytes }: Head): Buffer {
  const lines = bytes.toString("latin1").split("\r\n");
  return Buffer.from(lines.filter((line) => !/^(?:connection|upgrade):/i.test(line)).join("\r\n"), "latin1");
}

/** The answer of a proxy that lets no upgrade through. */
export function refusal(status: number): Buffer {
  return Buffer.from(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, "latin1");
}

function isChunked(fields: Head["fields"]): boolean {
  return hasToken(fields.get("transfer-encoding"), "chunked");
}

function lengthOf(fields: Head["fields"]): Framing | undefined {
  const length = fields.get("content-length");
  if (length === undefined) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : "unreadable";
}

function hasToken(list: string | undefined, token: string): boolean {
  return list?.split(",").some((each) => each.trim().toLowerCase() === token) ?? false;
}
