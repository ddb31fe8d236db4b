import type { ChannelKind } from "../channel/channel-kind.ts";
import type { Movable } from "../channel/movable.ts";
import type { Attachment } from "../session/attachment.ts";
import type { Refusal } from "../session/refusal.ts";
import type { Transport } from "../session/transport.ts";
import type { Item } from "./item.ts";

/** Where what comes over a transport goes. */
export type Intake = {
  /** Whether so much waits for the receive handler that the client is to wait. */
  readonly isFull: boolean;
  /** Calls back once it is not, or the session is over. @returns takes it back */
  whenRoom(callback: () => void): () => void;
};

/** What carries a session on the side of the server. */
export type ServerTransport = Transport &
  Movable & {
    readonly kind: ChannelKind;
    /** The attach was taken. @param intake - undefined for a session that is closed already, and waits for its ack */
    carry(attachment: Attachment<Item>, intake: Intake | undefined): void;
    /** It was not. */
    turnAway(refusal: Refusal): void;
    /** The application is slow to take what comes: the client is to wait. Over HTTP, each request asks whether there is room. */
    pauseReading?(): void;
    resumeReading?(): void;
  };
