import * as webSocketPackage from "ws";
import { windowBits } from "./deflater.ts";

/** One offer of permessage-deflate: its parameters, each with all the values it was given, true for none. */
export type CompressionOffer = Readonly<Record<string, readonly (string | true)[]>>;

type ExtensionParser = { parse(field: string): Readonly<Record<string, readonly CompressionOffer[] | undefined>> };

// `ws` exports its parser of the field, but its published types leave it out.
const { extension } = webSocketPackage as unknown as { readonly extension: ExtensionParser };

/** Browsers send 42 characters; what is longer is not worth parsing. */
const longestField = 1024;

/** 8 to 15, as RFC 7692 §7.1.2 wants it written. */
const windowBitsPattern = /^(?:[89]|1[0-5])$/;

/**
 * The offers of permessage-deflate in a Sec-WebSocket-Extensions field, in the order of the client's preference.
 *
 * @returns undefined for a field that is no list of extensions, which fails the handshake (RFC 6455 §9.1)
 */
export function parseOffers(field: string | undefined): readonly CompressionOffer[] | undefined {
  if (field === undefined || field === "" || field.length > longestField) return [];
  try {
    return extension.parse(field)["permessage-deflate"] ?? [];
  } catch {
    return undefined;
  }
}

/**
 * Answers the first offer that can be met; declines those that cannot (RFC 7692 §7.1).
 *
 * Neither side may refer to messages before: so nothing is kept for a connection, and a compressed message can be shared.
 * A client is free in how far back it refers within a message.
 *
 * @returns the value of the field in the 101; undefined when no offer can be met
 */
export function acceptOffer(offers: readonly CompressionOffer[]): string | undefined {
  const accepted = offers.find(canBeMet);
  if (accepted === undefined) return undefined;
  const answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  return "server_max_window_bits" in accepted ? `${answer}; server_max_window_bits=${windowBits}` : answer;
}

function canBeMet(offer: CompressionOffer): boolean {
  return Object.entries(offer).every(([name, [value, ...others]]) => {
    if (others.length > 0) return false;
    if (name === "server_no_context_takeover" || name === "client_no_context_takeover") return value === true;
    const isWindow = typeof value === "string" && windowBitsPattern.test(value);
    if (name === "client_max_window_bits") return value === true || isWindow;
    return name === "server_max_window_bits" && isWindow && Number(value) >= windowBits;
  });
}
