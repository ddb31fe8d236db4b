import type { IncomingHttpHeaders } from "node:http";

/** As many as every browser keeps of one site (RFC 6265 §6.1). */
const mostCookies = 50;

type Cookie = {
  readonly name: string;
  readonly value: string;
  /** Undefined: given by the user, for every request. */
  readonly path: string | undefined;
};

/**
 * The cookies of one visit: balancers know a client by them.
 *
 * Of their attributes those count that say whether a cookie is there at all, for one URL and within seconds: `Path`, and
 * the two that take one away.
 */
export class Cookies {
  readonly #requestPath: string;
  #cookies: Cookie[];

  /** @param given - a Cookie field that answers may change. @param requestPath - of all requests */
  constructor(given: string, requestPath: string) {
    this.#requestPath = requestPath;
    this.#cookies = given.split(";").flatMap((pair) => {
      const text = pair.trim();
      const at = text.indexOf("=");
      // Without a name it is passed on as it came.
      return text === "" ? [] : { name: text.slice(0, Math.max(0, at)), value: text.slice(at + 1), path: undefined };
    });
  }

  /** The field of a request; undefined where there is no cookie. */
  get field(): string | undefined {
    // RFC 6265 §5.4: longer paths first. Those that were given count as the shortest.
    const cookies = this.#cookies.toSorted((one, other) => (other.path?.length ?? 0) - (one.path?.length ?? 0));
    const pairs = cookies.map(({ name, value }) => (name === "" ? value : `${name}=${value}`));
    return pairs.length === 0 ? undefined : pairs.join("; ");
  }

  /** @param headers - of an answer */
  take(headers: IncomingHttpHeaders): void {
    for (const line of headers["set-cookie"] ?? []) this.#takeLine(line);
  }

  #takeLine(line: string): void {
    const [pair = "", ...rest] = line.split(";");
    const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) return;
    const attributes = readAttributes(rest);
    const given = attributes.get("path") ?? "";
    const path = given.startsWith("/") ? given : defaultPath(this.#requestPath);
    if (!matches(this.#requestPath, path)) return;
    this.#cookies = this.#cookies.filter((each) => each.name !== name || (each.path ?? path) !== path);
    if (!isOver(attributes) && this.#cookies.length < mostCookies) {
      this.#cookies.push({ name, value: value.trim(), path });
    }
  }
}

/** RFC 6265 §5.2: of two with one name the last counts. */
function readAttributes(parts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    parts.map((part) => {
      const [name = "", ...value] = part.split("=");
      return [name.trim().toLowerCase(), value.join("=").trim()];
    }),
  );
}

/** RFC 6265 §5.3: a cookie of the past deletes. Max-Age goes before Expires. */
function isOver(attributes: ReadonlyMap<string, string>): boolean {
  const age = attributes.get("max-age") ?? "";
  if (/^-?\d+$/.test(age)) return Number(age) <= 0;
  return Date.parse(attributes.get("expires") ?? "") <= Date.now();
}

/** RFC 6265 §5.1.4. */
function defaultPath(requestPath: string): string {
  return requestPath.slice(0, requestPath.lastIndexOf("/")) || "/";
}

/** RFC 6265 §5.1.4. */
function matches(requestPath: string, path: string): boolean {
  return requestPath === path || requestPath.startsWith(path.endsWith("/") ? path : `${path}/`);
}
