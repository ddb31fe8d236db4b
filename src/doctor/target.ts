/** What is looked at, and how. */
export type Target = {
  /** An http: or https: URL, without user and password. */
  readonly url: URL;
  /** Further header fields of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who the doctor is: `Authorization: Bearer`, and `token` of an attach over a WebSocket. */
  readonly token: string | undefined;
  /** The origin of the page that uses the route. */
  readonly origin: string;
  /** How long any one answer may take. Over it: there is none. */
  readonly limitMs: number;
  /** How long a transport is left without a byte, to see whether it lasts. */
  readonly idleMs: number;
};

/** Most characters of anything that a peer says which are shown. */
const mostShown = 120;

/** What a peer says, fit for a terminal: without control characters, which could rewrite what stands there, and short. */
export function plain(text: string): string {
  const visible = visibleOf(text);
  return visible.length > mostShown ? `${visible.slice(0, mostShown)}…` : visible;
}

function visibleOf(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

/** A URL without what may be secret in it: user, password, query and fragment. */
export function shownUrl(url: URL): string {
  return `${plain(url.origin + url.pathname)}${url.search === "" ? "" : "?…"}`;
}

/** Shorter words of a header field or a query prove nothing, and a shorter token is not taken: to hide it would blot out other words. */
export const leastSecret = 8;

/** Takes what must not be printed out of a text, whoever has said it: a peer may repeat what it was told, or its beginning. */
export function withoutSecrets({ url, token, headers }: Target, text: string): string {
  // Also as they stand in a text that was made fit for a terminal.
  const said = Object.values(headers).flatMap((value) => visibleOf(value).split(/[\s;,=]+/));
  // As they were sent, and as a peer may have read them.
  const sent = url.search.split("&").map((field) => field.slice(field.indexOf("=") + 1));
  said.push(...sent, ...[...url.searchParams.values()].map(visibleOf));
  if (token !== undefined) said.push(token);
  return said.filter((word) => word.length >= leastSecret).reduce(hide, text);
}

function hide(text: string, secret: string): string {
  const [head = "", ...parts] = text.split(secret.slice(0, leastSecret));
  const rest = secret.slice(leastSecret);
  return [head, ...parts.map((part) => part.slice(commonLength(part, rest)))].join("…");
}

/** Of how many characters two texts begin with the same. */
function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < other.length && one[length] === other[length]) length += 1;
  return length;
}
