import { closeCodes } from "../protocol/close-code.ts";

/** Why a transport may not carry a session, as the code of its end. */
export type Refusal = { readonly code: number; readonly reason: string };

function refusalOf(name: "superseded" | "busy" | "unknown" | "stale" | "denied"): Refusal {
  return { code: closeCodes[name], reason: name };
}

export const superseded: Refusal = refusalOf("superseded");
export const busy: Refusal = refusalOf("busy");
export const unknown: Refusal = refusalOf("unknown");
export const stale: Refusal = refusalOf("stale");
export const denied: Refusal = refusalOf("denied");
