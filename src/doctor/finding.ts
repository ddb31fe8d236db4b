import type { RemedyName } from "./remedies.ts";

/** What is looked at, in the order in which it is reported. */
export type CheckName =
  | "route"
  | "version"
  | "same-server"
  | "parallel"
  | "websocket"
  | "websocket-idle"
  | "stream"
  | "stream-encoding"
  | "stream-cache"
  | "stream-framing"
  | "stream-idle"
  | "poll"
  | "body"
  | "origin-own"
  | "origin-foreign";

/** `ok`; works, but not as well as it could; clients lose something; or could not be tried. */
export type Verdict = "ok" | "WARN" | "FAIL" | "skip";

/** What one check has seen. */
export type Finding = {
  readonly check: CheckName;
  readonly verdict: Verdict;
  /** In a sentence, with its numbers. Never the secret of a session, a token, or the value of a header field given. */
  readonly seen: string;
  /** The numbers by themselves, each with its unit at the end of its name. */
  readonly numbers?: Readonly<Record<string, number>>;
  /** What mends it. */
  readonly remedy?: RemedyName | undefined;
};

/** Of what went wrong: how it looked, and what mends it, where that is known. */
export type Trouble = { readonly seen: string; readonly remedy?: RemedyName | undefined };

/** Milliseconds and seconds as people read them. */
export function inTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
