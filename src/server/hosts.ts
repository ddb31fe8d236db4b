import type { IncomingMessage } from "node:http";
import { invalidArgument } from "../channel/errors.ts";
import { lookAt } from "../channel/look-at.ts";
import { isHost } from "../http/host.ts";
import { requestedHost } from "./forwarded.ts";

/** The hosts that are served, in lower case. Undefined: all. */
export type AllowedHosts = ReadonlySet<string> | undefined;

/** Checks the option `allowedHosts`: whole hosts as they stand in a Host field, no patterns. */
export function checkAllowedHosts(hosts: readonly string[] | undefined): AllowedHosts {
  return hosts === undefined ? undefined : lookAt("allowedHosts", hosts, () => checkHosts(hosts));
}

function checkHosts(hosts: readonly string[]): AllowedHosts {
  const expected = 'a list of hosts such as ["example.com", "localhost:9090", "[::1]"], without scheme or pattern';
  const list: unknown = hosts;
  if (!Array.isArray(list) || list.length === 0) throw invalidArgument("allowedHosts", expected, hosts);
  for (const host of hosts) {
    if (typeof host !== "string" || host.includes("*") || !isHost(host)) {
      throw invalidArgument("allowedHosts", expected, host);
    }
  }
  return new Set(hosts.map((host) => host.toLowerCase()));
}

/**
 * Whether the host that a request is for is one of those.
 *
 * Whoever owns a name can let it point at this server once a page of theirs is loaded: for the browser that page is then
 * of the same origin, whatever it asks for and by whatever transport. Only the name tells.
 */
export function isHostAllowed(message: IncomingMessage, allowed: AllowedHosts, trustedHops: number): boolean {
  if (allowed === undefined) return true;
  const host = requestedHost(message, trustedHops)?.toLowerCase() ?? "";
  return allowed.has(host) || allowed.has(host.replace(/:\d{1,5}$/, ""));
}
