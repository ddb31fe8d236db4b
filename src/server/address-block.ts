import { isIP, isIPv6 } from "node:net";

/** As some proxies write an address: in brackets, or with a port. */
const bracketPattern = /^\[([^\]]*)\](?::\d{1,5})?$/;
const portPattern = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/;

/** An IPv4 address as a socket that takes both families writes it (RFC 4291 §2.5.5.2). */
const mappedPattern = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/**
 * What one client may have of the addresses: itself of IPv4, and of IPv6 the first 64 bits, since a customer has all
 * addresses behind them (RFC 6177 §2, RFC 4291 §2.5.1). What is no address stays as it is.
 */
export function addressBlock(address: string): string {
  const [bare = ""] = bareOf(address).split("%");
  const mapped = mappedPattern.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(bare)) return bare;
  const [before = [], after = []] = bare.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  const groups = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  if (groups.length === 8 && groups.slice(0, 6).join() === "0,0,0,0,0,65535") return ipv4Of(groups.slice(6));
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

/** The IPv4 address that was mapped and written in hexadecimal digits, as two groups of 16 bits. */
function ipv4Of(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join(".");
}

function bareOf(address: string): string {
  return bracketPattern.exec(address)?.[1] ?? portPattern.exec(address)?.[1] ?? address;
}

/** Whether a text is an address, in any of the forms that proxies write. */
export function isAddress(text: string): boolean {
  return isIP(bareOf(text)) !== 0;
}
