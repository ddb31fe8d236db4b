import type { IncomingHttpHeaders } from "node:http";

/** As many as every browser keeps of one site (RFC 6265 §6.1). */
const mostCookies = 50;

/**
 * The cookies of one visit: balancers know a client by them.
 *
 * Their attributes are not looked at: all requests go to one URL, and are over in seconds.
 */
export class Cookies {
  readonly #values = new Map<string, string>();

  /** @param headers - of an answer */
  take(headers: IncomingHttpHeaders): void {
    for (const line of headers["set-cookie"] ?? []) {
      const [, name, value] = /^\s*([^=;\s]+)\s*=\s*([^;]*)/.exec(line) ?? [];
      if (name === undefined || value === undefined) continue;
      if (this.#values.size < mostCookies || this.#values.has(name)) this.#values.set(name, value.trim());
    }
  }

  /** The field of a request, behind the cookies that are given for every one. @param given - in small letters */
  fields(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    if (this.#values.size === 0) return {};
    const all = [...this.#values].map(([name, value]) => `${name}=${value}`);
    if (given["cookie"] !== undefined) all.unshift(given["cookie"]);
    return { cookie: all.join("; ") };
  }
}
