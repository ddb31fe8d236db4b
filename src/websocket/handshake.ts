import { hash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { HeaderFields } from "../channel/data.ts";
import { invalidArgument } from "../channel/errors.ts";
import { lookAt } from "../channel/look-at.ts";
import { headerLines, httpDate } from "../http/head.ts";
import { acceptOffer, parseOffers } from "./compression-offer.ts";

/** Why an upgrade to WebSocket is refused, as the status and fields of the response. */
export type HandshakeRefusal = {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly rule: string;
};

/** What the client offers. */
export type Handshake = {
  readonly key: string;
  readonly protocols: readonly string[];
  /** How messages are compressed, as the 101 says it; undefined when they are not. */
  readonly compression: string | undefined;
};

/** What the application chooses for the 101. */
export type HandshakeOptions = {
  /** One of the subprotocols that the client offers. Default: none. */
  readonly protocol?: string;
  /** Further header fields of the 101, cookies for example. */
  readonly headers?: HeaderFields;
};

// RFC 6455 §1.3.
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Base64 of exactly 16 bytes, in the one canonical form (RFC 6455 §4.2.1; RFC 4648 §3.5). */
const keyPattern = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
/** The server writes these itself. */
const ownFields: ReadonlySet<string> = new Set([
  "connection",
  "upgrade",
  "content-length",
  "transfer-encoding",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
]);

/** Whether a request asks for WebSocket: the Upgrade field alone decides (RFC 9110 §7.8). */
export function asksForWebSocket(headers: IncomingHttpHeaders): boolean {
  return hasToken(headers.upgrade, "websocket");
}

/**
 * Checks a request against RFC 6455 §4.2.1.
 *
 * @param compresses - whether the server agrees to compression; else what the client offers of that is not looked at
 */
export function checkHandshake(request: IncomingMessage, compresses = false): Handshake | HandshakeRefusal {
  const { headers } = request;
  if (request.method !== "GET") return refusal(405, "a WebSocket starts with GET", [["Allow", "GET"]]);
  if (request.httpVersion !== "1.1") return refusal(400, "a WebSocket starts with HTTP/1.1");
  if (!hasToken(headers.connection, "upgrade")) return refusal(400, "the Connection field lacks upgrade");
  if (headers["sec-websocket-version"] !== "13") {
    return refusal(426, "the WebSocket version is not 13", [
      ["Sec-WebSocket-Version", "13"],
      ["Upgrade", "websocket"],
    ]);
  }
  const key = headers["sec-websocket-key"];
  if (key === undefined || !keyPattern.test(key)) return refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64");
  if ((headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined) {
    return refusal(400, "a request for WebSocket has no body");
  }
  const offers = compresses ? parseOffers(headers["sec-websocket-extensions"]) : [];
  if (offers === undefined) return refusal(400, "Sec-WebSocket-Extensions is no list of extensions");
  const offered = headers["sec-websocket-protocol"];
  return { key, protocols: offered === undefined ? [] : elementsOf(offered), compression: acceptOffer(offers) };
}

/** Why an upgrade that came as a request is refused: Node brings a good one there if nobody else takes it. */
export function refuseAsRequest(message: IncomingMessage): HandshakeRefusal {
  const result = checkHandshake(message);
  const forgotten = "nothing listens to the server's event upgrade, so one came as a request";
  return isRefusal(result) ? result : refusal(400, forgotten);
}

function isRefusal(result: Handshake | HandshakeRefusal): result is HandshakeRefusal {
  return "status" in result;
}

/**
 * The head of the 101.
 *
 * @throws ChannelError `INVALID_ARGUMENT` for a subprotocol that was not offered and for fields that may not stand there
 */
export function encodeSwitchingProtocols(handshake: Handshake, options: HandshakeOptions): Buffer {
  const accept = hash("sha1", `${handshake.key}${acceptSuffix}`, "base64");
  let head =
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Accept: ${accept}\r\n`;
  const { protocol } = options;
  if (protocol !== undefined) {
    if (!handshake.protocols.includes(protocol)) {
      const offer = handshake.protocols.join(", ");
      throw invalidArgument(
        "protocol",
        offer === "" ? "left out: the client offers none" : `one of ${offer}`,
        protocol,
      );
    }
    head += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  }
  if (handshake.compression !== undefined) head += `Sec-WebSocket-Extensions: ${handshake.compression}\r\n`;
  let hasDate = false;
  for (const [name, value] of lookAt("headers", options.headers, () => [...headerLines(options.headers)])) {
    const lowerName = name.toLowerCase();
    if (ownFields.has(lowerName)) throw invalidArgument("headers", "without fields of the handshake", name);
    hasDate ||= lowerName === "date";
    head += `${name}: ${value}\r\n`;
  }
  if (!hasDate) head += `Date: ${httpDate()}\r\n`;
  return Buffer.from(`${head}\r\n`, "latin1");
}

function refusal(status: number, rule: string, fields: HandshakeRefusal["fields"] = []): HandshakeRefusal {
  return { status, fields, rule };
}

function hasToken(field: string | undefined, token: string): boolean {
  return field !== undefined && elementsOf(field).some((element) => element.toLowerCase() === token);
}

/** The elements of a list; empty ones do not count (RFC 9110 §5.6.1). */
function elementsOf(field: string): string[] {
  const elements = field.split(",").map((element) => element.trim());
  return elements.filter((element) => element !== "");
}
