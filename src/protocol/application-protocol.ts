/** Most subprotocols that a client offers, and the longest: with a token they still fit into a control record. */
export const maxProtocols = 32;
export const maxProtocolLength = 128;

/** Whether a value can name a subprotocol: a token of RFC 9110 §5.6.2, as RFC 6455 §4.1 wants it. */
export function isProtocolName(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxProtocolLength && /^[\w!#$%&'*+.^`|~-]+$/.test(value);
}

/** Whether a value is a list of subprotocols, each there once. */
export function isProtocolList(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > maxProtocols) return false;
  return value.every(isProtocolName) && new Set(value).size === value.length;
}
