import type { ChannelKind } from "../channel/channel-kind.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientSession, ClientTransport } from "./client-session.ts";

/** Why a transport is left over which nothing came. */
export const noResponse = "no response";

/** One transport that the client has dialled. */
export type Link = ClientTransport & {
  readonly kind: ChannelKind;
  /** By the time of the platform. */
  readonly dialledAtMs: number;
  readonly settings: ClientSettings;
  readonly session: ClientSession;
  /** Begins, which gives it what it writes with; whatever goes wrong is told by `ended`. */
  start(): void;
  /** Lets go of everything: nothing may come any more. */
  hangUp?: () => void;
};
