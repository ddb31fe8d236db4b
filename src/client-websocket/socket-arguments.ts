import { isProtocolList, maxProtocolLength, maxProtocols } from "../protocol/application-protocol.ts";
import { encodeUtf8 } from "../protocol/utf-8.ts";

/** RFC 6455 §5.5: what a Close frame has room for beside its code. */
const maxReasonBytes = 123;

/** The subprotocols that are offered: one, a list, or, as Node's WebSocket has it, an object that has them. */
export type Subprotocols = string | readonly string[] | { readonly protocols?: string | readonly string[] | undefined };

/** What `close` was called with. */
export type SocketEnd = { readonly code: number | undefined; readonly reason: string };

/**
 * The address that a WebSocket has, with ws: or wss:.
 *
 * @throws DOMException `SyntaxError` for what is no such address
 */
export function parseAddress(url: string | URL): string {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  let address: URL;
  try {
    address = new URL(url, location?.href);
  } catch {
    throw new DOMException("the URL must be one", "SyntaxError");
  }
  if (address.protocol.startsWith("http")) address.protocol = address.protocol.replace("http", "ws");
  const isSocket = address.protocol === "ws:" || address.protocol === "wss:";
  if (!isSocket) throw new DOMException("the URL must be ws:, wss:, http: or https:", "SyntaxError");
  if (address.href.includes("#")) throw new DOMException("the URL must not have a fragment", "SyntaxError");
  return address.href;
}

/** The subprotocols as a list. @throws DOMException `SyntaxError` for what are none, or too many */
export function listOfProtocols(protocols: Subprotocols): readonly string[] {
  const given = typeof protocols === "string" || Symbol.iterator in protocols ? protocols : only(protocols);
  const list = typeof given === "string" ? [given] : [...given];
  if (isProtocolList(list)) return list;
  const expected = `at most ${maxProtocols} different tokens of at most ${maxProtocolLength} characters`;
  throw new DOMException(`the subprotocols must be ${expected}`, "SyntaxError");
}

/** What Node's takes besides would be lost: header fields are for all that is dialled, and so an option of the class. */
function only({
  protocols = [],
  ...others
}: Exclude<Subprotocols, string | readonly string[]>): string | readonly string[] {
  const [name] = Object.keys(others);
  if (name === undefined) return protocols;
  throw new DOMException(`${name} is no option here: give it to webSocketOf`, "NotSupportedError");
}

/**
 * How a WebSocket is closed, as Web IDL reads it: a whole number, and text.
 *
 * @throws DOMException `InvalidAccessError` for a code that may not be sent, `SyntaxError` for a reason that is too long
 */
export function readEnd(code: number | undefined, reason: unknown): SocketEnd {
  const end = { code: code === undefined ? undefined : Math.round(code), reason: String(reason) };
  const isCode = end.code === undefined || end.code === 1000 || (end.code >= 3000 && end.code <= 4999);
  if (!isCode) throw new DOMException(`${code} is not 1000 or from 3000 to 4999`, "InvalidAccessError");
  const isReason = encodeUtf8(end.reason).length <= maxReasonBytes;
  if (!isReason) throw new DOMException(`the reason has more than ${maxReasonBytes} bytes`, "SyntaxError");
  return end;
}
