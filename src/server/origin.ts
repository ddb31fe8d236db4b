import type { IncomingMessage } from "node:http";
import { invalidArgument } from "../channel/errors.ts";
import { lookAt } from "../channel/look-at.ts";
import { knownScheme, requestedHost } from "./forwarded.ts";

/** Which pages may open a WebSocket, or have a session. */
export type AllowedOrigins = readonly string[] | "*" | undefined;

/** Checks the option `allowedOrigins`: whole origins as browsers write them, no patterns. */
export function checkAllowedOrigins(origins: AllowedOrigins): AllowedOrigins {
  if (origins === undefined || origins === "*") return origins;
  return lookAt("allowedOrigins", origins, () => checkOrigins(origins));
}

function checkOrigins(origins: readonly string[]): readonly string[] {
  const expected = 'a list of origins such as ["https://example.com"], without path or pattern, or "*"';
  const list: unknown = origins;
  if (!Array.isArray(list)) throw invalidArgument("allowedOrigins", expected, origins);
  for (const origin of origins) {
    if (typeof origin !== "string" || !isOrigin(origin)) {
      throw invalidArgument("allowedOrigins", expected, origin);
    }
  }
  return [...origins];
}

function isOrigin(text: string): boolean {
  // A URL may hold an asterisk in its host, but who writes one here means a pattern, which would match nothing.
  return URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
}

/**
 * Whether a page may open a WebSocket, or have a session by whatever transport: by default only one from the host it
 * connects to (RFC 6455 §10.2).
 *
 * Browsers send cookies with a WebSocket whoever opens it, and ask nobody first. Programs send no Origin and pass: cookies
 * alone make no browser of them, and a browser says where its pages come from with every WebSocket and every POST.
 * The scheme is compared where the server can know it. A page whose name was made to point here has the same host, and
 * the browser, too, says so: only `allowedHosts` is of use against that.
 */
export function isOriginAllowed(message: IncomingMessage, allowed: AllowedOrigins, trustedHops: number): boolean {
  const { origin } = message.headers;
  if (allowed === "*" || (origin !== undefined && allowed?.includes(origin) === true)) return true;
  // The browser's own word, which no page can write (Fetch §2.2.2 forbids `Sec-` to them): a proxy may have put its own
  // host in place of ours, and no comparison would fit. A program can write it, and the Origin as well.
  const site = message.headers["sec-fetch-site"];
  if (site === "same-origin") return true;
  // A page whose Origin was taken away, or that has our host by a scheme that only the browser knows.
  if (site !== undefined && site !== "none") return false;
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  const scheme = knownScheme(message, trustedHops) ?? page.protocol;
  const host = requestedHost(message, trustedHops);
  if (host === undefined || page.origin !== origin.toLowerCase() || page.protocol !== scheme) return false;
  const target = `${scheme}//${host}`;
  return URL.canParse(target) && new URL(target).origin === page.origin;
}
