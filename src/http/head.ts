import { STATUS_CODES } from "node:http";
import type { HeaderFields, HeaderValue } from "../channel/data.ts";
import { invalidArgument } from "../channel/errors.ts";

/** The status and fields of a response as the application wants them; framing is the server's. */
export type Head = {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** The application asked for `Connection: close`. */
  readonly closesConnection: boolean;
  /** A Content-Length that the application gave; it counts only where there is no body to measure. */
  readonly contentLength: number | undefined;
};

// RFC 9110 §5.6.2.
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110 §5.5: no control character but the tab.
// oxlint-disable-next-line no-control-regex -- these are the characters that must not get out
const forbiddenInValue = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** Fields that say how the message is framed or what becomes of the connection (RFC 9110 §7.6.1, RFC 9112 §6). */
const framingFields: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
]);

/** Whether a field is the server's to write: what anybody else gives for it is dropped. */
export function isFramingField(name: string): boolean {
  return framingFields.has(name.toLowerCase());
}

/**
 * Checks a status and fields. Throws `INVALID_ARGUMENT` for what must not get on the wire.
 *
 * @param defaultFields - stand in when there is no field at all
 */
export function checkHead(
  status: number | undefined,
  headers: HeaderFields | undefined,
  defaultFields: Head["fields"] = [],
): Head {
  return normaliseHead(checkStatus(status), headers, defaultFields);
}

function checkStatus(status: number | undefined): number {
  if (status === undefined) return 200;
  // An interim response is not an answer: the client would go on waiting for the final one (RFC 9110 §15.2).
  if (typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 999) return status;
  throw invalidArgument("status", "an integer from 200 to 999", status);
}

function normaliseHead(status: number, headers: HeaderFields | undefined, defaultFields: Head["fields"]): Head {
  if (headers === undefined) {
    return { status, fields: defaultFields, closesConnection: false, contentLength: undefined };
  }
  const fields: [string, string][] = [];
  let isEmpty = true;
  let closesConnection = false;
  let contentLength: number | undefined;
  for (const [name, value] of headerLines(headers)) {
    isEmpty = false;
    const lowerName = name.toLowerCase();
    if (!isFramingField(name)) fields.push([name, value]);
    else if (lowerName === "connection") closesConnection ||= /(?:^|,)\s*close\s*(?:,|$)/i.test(value);
    else if (lowerName === "content-length" && /^\d{1,15}$/.test(value)) contentLength = Number(value);
  }
  return { status, fields: isEmpty ? defaultFields : fields, closesConnection, contentLength };
}

/**
 * Checks header fields that are not sent: what HTTP refuses is refused where there is none, too, so that a handler works
 * for both or for none.
 */
export function checkDropped(headers: HeaderFields | undefined): void {
  if (headers === undefined) return;
  for (const line of headerLines(headers)) void line;
}

/**
 * The header lines of any form of header fields, each checked; a character of a value is a byte on the wire.
 *
 * A `Headers` holds bytes already, those of an upstream response for example; any other text becomes UTF-8.
 */
export function* headerLines(headers: HeaderFields | undefined): Iterable<[string, string]> {
  if (headers === undefined || headers === null) return;
  if (typeof headers !== "object") throw invalidArgument("headers", "an object, pairs, or a Headers", headers);
  const entries: Iterable<readonly [string, HeaderValue | readonly HeaderValue[]]> =
    Symbol.iterator in headers ? headers : Object.entries(headers);
  const holdsBytes = headers instanceof Headers;
  for (const entry of entries) {
    // A pair without a value is a mistake, and a text of two characters would be taken for one.
    const isPair: boolean = Array.isArray(entry) && entry.length === 2;
    if (!isPair) throw invalidArgument("a header field", "a name and a value", entry);
    const [name, value] = entry;
    if (typeof name !== "string" || !token.test(name)) {
      throw invalidArgument("the name of a header field", "a token (RFC 9110 §5.6.2)", name);
    }
    for (const element of Array.isArray(value) ? value : [value]) {
      if (element === null || element === undefined) continue;
      const text = valueText(name, element);
      if (forbiddenInValue.test(text)) {
        throw invalidArgument(`the header field ${name}`, "a value without control characters", element);
      }
      yield [name, holdsBytes || isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1")];
    }
  }
}

/** Objects are refused: hardly any has a string form that was meant, and a symbol or a function has none. */
function valueText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw invalidArgument(`the header field ${name}`, "text, a number, a boolean, or a list of those", value);
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the whole range is meant
  return /^[\u0000-\u007f]*$/.test(text);
}

/** How a response is delimited and what happens to its connection. */
export type Framing = {
  readonly contentLength?: number | undefined;
  readonly isChunked?: boolean;
  /** Value of the Connection field; undefined for none. */
  readonly connection: "close" | "Keep-Alive" | undefined;
  readonly serverHeader: string | undefined;
};

const noBody: Buffer = Buffer.alloc(0);

/** The bytes of a response, in one piece: its head and, unless it follows in chunks, its body. */
export function encodeResponse(head: Head, framing: Framing, body: Buffer = noBody): Buffer {
  const text = headText(head, framing);
  const response = Buffer.allocUnsafe(text.length + body.length);
  response.write(text, "latin1");
  response.set(body, text.length);
  return response;
}

function headText(head: Head, framing: Framing): string {
  const { serverHeader, connection, contentLength } = framing;
  let text = `HTTP/1.1 ${head.status} ${STATUS_CODES[head.status] ?? ""}\r\n`;
  let hasDate = false;
  let hasServer = serverHeader === undefined;
  for (const [name, value] of head.fields) {
    text += `${name}: ${value}\r\n`;
    if (name.length === 4 && name.toLowerCase() === "date") hasDate = true;
    if (name.length === 6 && name.toLowerCase() === "server") hasServer = true;
  }
  if (!hasDate) text += `Date: ${httpDate()}\r\n`;
  if (!hasServer) text += `Server: ${serverHeader}\r\n`;
  if (connection !== undefined) text += `Connection: ${connection}\r\n`;
  if (contentLength !== undefined) text += `Content-Length: ${contentLength}\r\n`;
  if (framing.isChunked === true) text += "Transfer-Encoding: chunked\r\n";
  return `${text}\r\n`;
}

let dateSecond = 0;
let dateText = "";

/** The time for a Date field (RFC 9110 §5.6.7), made once a second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
