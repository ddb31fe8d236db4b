import type { IncomingMessage } from "node:http";
import { invalidArgument } from "../channel/errors.ts";
import { isAddress } from "./address-block.ts";

/** Checks the option `trustProxy`: how many proxies stand before the server. */
export function checkTrustProxy(hops: number | undefined): number {
  if (hops === undefined) return 0;
  if (Number.isInteger(hops) && hops >= 0) return hops;
  throw invalidArgument("trustProxy", "how many proxies to believe, an integer of at least 0", hops);
}

/** The scheme that the client used, where it is known: a plain socket may stand behind a proxy that ends TLS. */
export function knownScheme(message: IncomingMessage, trustedHops: number): "http:" | "https:" | undefined {
  if ("encrypted" in message.socket) return "https:";
  if (trustedHops === 0) return undefined;
  const scheme = trustedValue(message, "x-forwarded-proto", trustedHops)?.toLowerCase();
  if (scheme === undefined) return undefined;
  // Some proxies name the scheme of a WebSocket as its page does.
  return scheme === "https" || scheme === "wss" ? "https:" : "http:";
}

/** The host that the client asked for. */
export function requestedHost(message: IncomingMessage, trustedHops: number): string | undefined {
  return trustedValue(message, "x-forwarded-host", trustedHops) ?? message.headers.host;
}

/** The address that the outermost trusted proxy saw. Undefined for what is none: it gets into logs, and is counted by. */
export function forwardedAddress(message: IncomingMessage, trustedHops: number): string | undefined {
  const entry = trustedValue(message, "x-forwarded-for", trustedHops);
  return entry !== undefined && isAddress(entry) ? entry : undefined;
}

/** The entry that the outermost trusted proxy wrote: counted from the right, since a client can write what is left of it. */
function trustedValue(message: IncomingMessage, field: string, trustedHops: number): string | undefined {
  if (trustedHops === 0) return undefined;
  const value = message.headers[field];
  if (typeof value !== "string") return undefined;
  const entries = value.split(",").map((entry) => entry.trim());
  const entry = entries[Math.max(0, entries.length - trustedHops)];
  return entry === "" ? undefined : entry;
}
