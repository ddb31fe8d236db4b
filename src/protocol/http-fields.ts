/** Names the version of the protocol in each request, and in the answer to one that is not known. No form can set it. */
export const protocolField = "channelkit-protocol";

/** Names the session of a request and proves the right to it. */
export const sessionField = "channelkit-session";

export const protocolVersion = "1";

/** The subprotocol of a WebSocket that carries a session (RFC 6455 §1.9). */
export const subprotocol: string = `channelkit.${protocolVersion}`;

/** What {@link sessionField} holds. */
export type SessionCredentials = { readonly session: string; readonly secret: string };

export function encodeCredentials(session: string, secret: string): string {
  return `${session}.${secret}`;
}

/** @returns undefined for what is none */
export function decodeCredentials(value: string): SessionCredentials | undefined {
  const [, session, secret] = /^([\w.~-]{16,128})\.([\w~-]{16,128})$/.exec(value) ?? [];
  return session === undefined || secret === undefined ? undefined : { session, secret };
}
