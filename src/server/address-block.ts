import { isIP, isIPv6 } from "node:net";

/** An IPv4 address as a socket that takes both families writes it (RFC 4291 §2.5.5.2), or with a port, as some proxies do. */
const ipv4Pattern = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/i;

/** As some proxies write it, too: in brackets, with or without a port. */
const bracketPattern = /^\[([^\]]*)\](?::\d+)?$/;

/**
 * What one client may have of the addresses: itself of IPv4, and of IPv6 the first 64 bits, since a customer has all
 * addresses behind them (RFC 6177 §2, RFC 4291 §2.5.1). What is no address stays as it is.
 */
export function addressBlock(address: string): string {
  const ipv4 = ipv4Pattern.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  const [bare = ""] = (bracketPattern.exec(address)?.[1] ?? address).split("%");
  if (!isIPv6(bare)) return address;
  const [before = [], after = []] = bare.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  const groups = [...before, ...zeros, ...after].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(":")}::/64`;
}

/** Whether a text is an address, in any of the forms that proxies write. */
export function isAddress(text: string): boolean {
  return isIP(ipv4Pattern.exec(text)?.[1] ?? bracketPattern.exec(text)?.[1] ?? text) !== 0;
}
