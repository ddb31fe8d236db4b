/**
 * Why a transport or a session ended, beside the codes of RFC 6455 §7.4.1. 4000 to 4499 invite the client to come back,
 * 4500 to 4999 do not. An application may use the rest of both ranges from 4100 and 4600 on.
 */
export const closeCodes = {
  /** The server stops, or moves its clients elsewhere. */
  shutdown: 4000,
  /** A later attach carries the session. */
  superseded: 4001,
  /** No answer to a ping. */
  silent: 4002,
  /** The peer read too slowly. The session stays. */
  slow: 4003,
  /** More waited for the client than is kept. The session is over. */
  overflow: 4004,
  /** There is no such session: attach. */
  unknown: 4005,
  /** Not now: no room for another session, too many attaches, or it cannot be found out whose it would be. Come back. */
  busy: 4006,
  /** No attach came in time. */
  late: 4007,
  /** The counts of both ends do not fit. The session is over. */
  gap: 4008,
  /** The session was not resumed in time. */
  expired: 4009,
  /** What the client was let in for is over. The session stays: attach with a new token. */
  stale: 4010,
  /** The peer broke the protocol. */
  fault: 4500,
  /** The client may not have a session. */
  denied: 4501,
  /** The protocol version is not known; the reason lists those that are. */
  version: 4502,
  /** A message was larger than the other side takes. */
  tooBig: 4503,
} as const;

// By themselves, too, so that a client loads only those that it needs.
type CloseCodes = typeof closeCodes;
export const superseded: CloseCodes["superseded"] = 4001;
export const silent: CloseCodes["silent"] = 4002;
export const unknown: CloseCodes["unknown"] = 4005;
export const late: CloseCodes["late"] = 4007;
export const fault: CloseCodes["fault"] = 4500;
export const tooBig: CloseCodes["tooBig"] = 4503;

/** Not a code of a Close frame: a transport ended without one (RFC 6455 §7.1.5). */
export const lost = 1006;

/** The name of a code of ours, which is also the reason that goes with it. */
export type CloseName = keyof typeof closeCodes;

/** Whether a client may come back after its transport ended with this code: unless doing so would end the same way. */
export function mayReturn(code: number): boolean {
  // RFC 6455 §7.4.1: faults of protocol, type, data, policy, size and extension are made again by the same client.
  return code < 1002 || (code > 1003 && code < 1007) || (code > 1010 && code < 4500);
}

/** Whether the end of a session invites the client to open a new one. */
export function invitesBack(code: number): boolean {
  return code >= 4000 && code < 4500;
}
