import { closeCodes } from "../protocol/close-code.ts";
import { notOfProtocol, type Outcome } from "./arrivals.ts";
import { inTime, type Trouble } from "./finding.ts";
import type { Failure, Reply } from "./post.ts";
import type { RemedyName } from "./remedies.ts";
import { plain, shownUrl } from "./target.ts";

/** Of OpenSSL and of Node: the peer speaks no TLS, or its certificate is not good. */
const tlsCodes = /^(CERT_|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/;

const failures: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name has no address (DNS)",
  EAI_AGAIN: "the name service does not answer (DNS)",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the host",
};

/** What mends a refusal by a code of the protocol, which a server of sessions itself has sent. */
export const codeRemedies: ReadonlyMap<number, RemedyName> = new Map<number, RemedyName>([
  [closeCodes.denied, "authorization"],
  [closeCodes.stale, "authorization"],
  [closeCodes.version, "version"],
  [closeCodes.unknown, "sticky"],
  [closeCodes.busy, "busy"],
  [closeCodes.tooBig, "bodyLimit"],
]);

const statusRemedies: ReadonlyMap<number, RemedyName> = new Map<number, RemedyName>([
  [401, "authorization"],
  [403, "protocolField"],
  [404, "path"],
  [405, "path"],
  [407, "authorization"],
  [413, "bodyLimit"],
  [421, "host"],
  [429, "connections"],
  [502, "upstream"],
  [503, "upstream"],
  [504, "silence"],
]);

/** Of OpenSSL, in text and code: what came was no TLS. */
const noTls = /wrong[ _]version[ _]number/i;

/** Why there was no answer at all. */
export function troubleOfFailure({ code, text, afterMs }: Failure): Trouble {
  if (tlsCodes.test(code)) {
    return { seen: `TLS failed: ${plain(text)} (${plain(code)})`, remedy: noTls.test(text + code) ? "noTls" : "tls" };
  }
  if (code === "TIMEOUT") return { seen: `no answer in ${inTime(afterMs)}`, remedy: "silent" };
  if (code === "ETIMEDOUT") return { seen: `no connection in ${inTime(afterMs)}`, remedy: "address" };
  const known = failures[code];
  return { seen: `${known ?? plain(text)}${code === "" ? "" : ` (${plain(code)})`}`, remedy: "address" };
}

/** An answer with a status, which is not the one that was wanted. */
export function troubleOfStatus(status: number, location: string | undefined, base: URL): Trouble {
  if (status >= 300 && status < 400)
    return { seen: `redirected with ${status}${whereTo(location, base)}`, remedy: remedyOfRedirect(location, base) };
  return {
    seen: `answered ${status}`,
    remedy: statusRemedies.get(status) ?? (status >= 500 ? "serverFault" : undefined),
  };
}

/** Why a request was not answered by the record that was waited for. */
export function troubleOfReply(reply: Reply, outcome: Exclude<Outcome<never>, { what: "record" }>, base: URL): Trouble {
  const { status, headers } = reply;
  if (outcome.what === "end" && outcome.code !== undefined) {
    return { seen: `refused with ${plain(outcome.text)} (status ${status})`, remedy: codeRemedies.get(outcome.code) };
  }
  if (status !== 200) return troubleOfStatus(status, headers.location, base);
  const type = plain(headers["content-type"] ?? "none");
  if (!type.startsWith("application/octet-stream")) {
    return { seen: `answered 200 with Content-Type ${type}, which is no answer of a session`, remedy: "path" };
  }
  if (outcome.what === "silence")
    return { seen: "answered 200, and nothing behind the head in time", remedy: "buffering" };
  const remedy = outcome.text === notOfProtocol ? "path" : "cut";
  return { seen: `answered 200, and then ${plain(outcome.text)}`, remedy };
}

/** Whether a slash at the end is all that is asked for. To https: instead is another matter. */
function remedyOfRedirect(location: string | undefined, base: URL): RemedyName {
  if (location === undefined || !URL.canParse(location, base.href)) return "redirect";
  const { hostname, pathname, protocol } = new URL(location, base);
  const isSecured = protocol === "https:" && base.protocol === "http:";
  return hostname === base.hostname && pathname === `${base.pathname}/` && !isSecured ? "slash" : "redirect";
}

function whereTo(location: string | undefined, base: URL): string {
  if (location === undefined || !URL.canParse(location, base.href)) return "";
  return ` to ${shownUrl(new URL(location, base))}`;
}
