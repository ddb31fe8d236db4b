import type { IncomingMessage, ServerResponse } from "node:http";
import type { Head } from "../http/head.ts";

/** What a turn wants to know of others who have Node's response in their hands. */
export type OthersListener = {
  /** One of them answers: nothing may be written any more. */
  answeredElsewhere(): void;
  /** That answer is complete. */
  completedElsewhere(): void;
};

/** One request with its response on Node's side: all that a turn has to do with these two. */
export type NodeExchange = {
  readonly message: IncomingMessage;
  /** The client is willing to reuse the connection. */
  readonly keepsAlive: boolean;
  /** The response, if others may answer with it, too. */
  readonly sharedResponse: ServerResponse | undefined;
  /** Header fields that others have set. */
  readonly presetFields: Head["fields"];
  /** Whether its answer was complete before its turn came. */
  readonly isConcluded: boolean;
  /** Whether the answers before this one are complete, those of others too. */
  readonly isFirst: boolean;
  whenFirst(callback: () => void): void;
  /** Takes part. @returns false if somebody has answered already */
  join(listener: OthersListener): boolean;
  /** The answer is about to be written. @returns false if somebody else has begun to answer */
  begins(): boolean;
  /** Hands the whole body to whoever reads it from Node's request. */
  keepBody(body: Buffer | undefined): void;
  /** The answer may take hours: lets go of what is not needed until then. */
  release(): void;
  /** The answer is complete. */
  conclude(): void;
  /** The connection is gone before the answer was complete. */
  abort(): void;
};
