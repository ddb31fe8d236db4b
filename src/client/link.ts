import type { ChannelKind } from "../channel/channel.ts";
import type { ControlRecord } from "../protocol/control-record.ts";
import type { ClientSettings } from "./client-options.ts";
import type { ClientSession, ClientTransport } from "./client-session.ts";

/** One transport that the client has dialled. */
export type Link = ClientTransport & {
  readonly kind: ChannelKind;
  /** By the time of the platform. */
  readonly dialledAtMs: number;
  /** Begins; whatever goes wrong is told by `ended`. */
  start(): void;
};

/** What carries records, without what is common to all. */
export type Wire = {
  write(record: ControlRecord): void;
  wake(): void;
  /** Lets go of everything: nothing may come any more. */
  hangUp(code: number): void;
};

/** What a link is given. */
export type LinkOptions = {
  readonly settings: ClientSettings;
  readonly session: ClientSession;
  /** Comes once. */
  readonly ended: (link: Link, code: number, cause: string) => void;
};
