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
  const visible = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return visible.length > mostShown ? `${visible.slice(0, mostShown)}…` : visible;
}

/** A URL without what may be secret in it: user, password, query and fragment. */
export function shownUrl(url: URL): string {
  return `${plain(url.origin + url.pathname)}${url.search === "" ? "" : "?…"}`;
}

/** Takes what must not be printed out of a text, whoever has said it: a peer may repeat what it was told. */
export function withoutSecrets({ token, headers }: Target, text: string): string {
  const secrets = [token, ...Object.values(headers)].filter((secret) => secret !== undefined && secret !== "");
  return secrets.reduce((shown: string, secret) => shown.replaceAll(secret ?? "", "…"), text);
}
