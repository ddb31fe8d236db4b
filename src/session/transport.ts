import type { ControlRecord } from "../protocol/control-record.ts";

/** What a session needs of whatever carries it. It takes numbered items by itself, when it has room for them. */
export type Transport = {
  /** There are items to take: `Attachment.next`, now or when there is room. */
  wake(): void;
  /** Takes them now, if `wake` does not: the session is about to forget them. */
  fill?(): void;
  /** Sends a record that is not numbered. It may overtake items. */
  write(record: ControlRecord): void;
  /** The session lets go: the transport tells the peer why and ends, unless it is the peer that said so. */
  detach(code: number, reason: string): void;
};
