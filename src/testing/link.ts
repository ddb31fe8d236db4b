import type { Socket } from "node:net";
import type { EventLog, ProxyEvent } from "./event-log.ts";
import type { Exchange } from "./exchange.ts";
import type { CutMode } from "./fault.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { Lane } from "./lane.ts";
import type { Target } from "./send-again.ts";

/** What all links of a proxy share. */
export type LinkContext = {
  readonly target: Target;
  readonly log: EventLog;
  readonly maxHeldBytes: number;
  /** The plan that is in force. */
  readonly plan: () => FaultPlan;
  /** Keeps a connection over which a request is sent again. */
  readonly keepCopy: (socket: Socket) => void;
};

/** One connection of a client with the one to the server, as faults see it. */
export type Link = {
  readonly context: LinkContext;
  /** From 1, in the order in which clients connected. */
  readonly number: number;
  readonly toServer: Lane;
  readonly toClient: Lane;
  /** Whether nothing of what still comes counts. */
  readonly isOver: boolean;
  note(what: ProxyEvent["what"], detail: string, exchange?: Exchange): void;
  /** Nothing passes any more, in neither direction; with a time, until it is over. */
  freeze(forMs?: number): void;
  /** Ends the connection of the client, and the other one in the same way if not told otherwise. */
  cut(how: CutMode, howServer?: CutMode): void;
};
