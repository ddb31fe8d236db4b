import type { Section } from "../frame-case.ts";
import { closing } from "./closing.ts";
import { fragmentation } from "./fragmentation.ts";
import { framing } from "./framing.ts";
import { limits } from "./limits.ts";
import { pings } from "./pings.ts";
import { opcodes, reservedBits } from "./reserved.ts";
import { utf8 } from "./utf8.ts";

/**
 * Cases for every section of RFC 6455 on frames, and so for every section of the Autobahn list but compression, which
 * the server does not offer.
 */
export const sections: readonly Section[] = [
  framing,
  pings,
  reservedBits,
  opcodes,
  fragmentation,
  utf8,
  closing,
  limits,
];
