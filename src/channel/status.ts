/**
 * Why a channel closed.
 *
 * `server-close`: this side completed or closed it. `client-close`: an HTTP client left. `abnormal`: a WebSocket was lost
 * without a Close frame. `overflow`: the client read too slowly. The others name the code of a Close frame.
 */
export type CloseStatus =
  | "server-close"
  | "client-close"
  | "normal"
  | "going-away"
  | "protocol-error"
  | "unsupported"
  | "no-status-received"
  | "abnormal"
  | "invalid-payload-data"
  | "policy-violation"
  | "message-too-big"
  | "mandatory-extension"
  | "internal-server-error"
  | "overflow"
  | "unknown";

/** What joins the status: the code and reason of the Close frame, or for HTTP the code that says the same. */
export type CloseDetail = {
  /** RFC 6455 §7.4.1, also over HTTP. */
  readonly code: number;
  /** At most 123 bytes of UTF-8; empty when none was given. */
  readonly reason: string;
  /** True when both ends agreed on the end: a completed response, or a Close frame from the client or for it. */
  readonly wasClean: boolean;
};

/** The end of a channel, as its close handler gets it. */
export type ClosedWith = { readonly status: CloseStatus; readonly detail: CloseDetail };

// RFC 6455 §7.4.1.
const statusOfCode: ReadonlyMap<number, CloseStatus> = new Map<number, CloseStatus>([
  [1000, "normal"],
  [1001, "going-away"],
  [1002, "protocol-error"],
  [1003, "unsupported"],
  [1005, "no-status-received"],
  [1006, "abnormal"],
  [1007, "invalid-payload-data"],
  [1008, "policy-violation"],
  [1009, "message-too-big"],
  [1010, "mandatory-extension"],
  [1011, "internal-server-error"],
]);

/** The status for a Close code that a client sent, or that was sent to it for its fault. */
export function statusOf(code: number): CloseStatus {
  return statusOfCode.get(code) ?? "unknown";
}

/** Puts a status together with its code and reason. */
export function closedWith(status: CloseStatus, code: number, reason = "", wasClean = true): ClosedWith {
  return { status, detail: { code, reason, wasClean } };
}

/** The end as this side brought it about. */
export function closedHere(code = 1000, reason = ""): ClosedWith {
  return closedWith("server-close", code, reason);
}

/** Whether a code may stand in a Close frame (RFC 6455 §7.4.1 and §7.4.2; 1016 to 2999 are reserved). */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/** RFC 6455 §5.5: a control frame holds 125 bytes, two of which are the code. */
export const maxReasonBytes = 123;
