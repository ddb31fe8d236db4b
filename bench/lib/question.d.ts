/** What a file in `questions/` exports. That file is all there is to a question. */
export type Question = {
  /** Whom to ask: names of files in `servers/`. Every row but channelkit is a control row. */
  readonly rows: string[];
  /** Measured one after the other, each for all rows in turn. */
  readonly loads: Load[];
  /** What stands in the table. */
  readonly figures: Figure[];
  readonly bars?: Bar[];
  /** Left out of `--quick`, unless it is asked for. */
  readonly isSlow?: boolean;
};

/** Which connections there are; see `load/dials.js` for the paths. */
export type Parties = [path: string, connections: number][];

export type Load = {
  readonly name: string;
  readonly parties: Parties;
  /** Where they are not those of the question. */
  readonly rows?: string[];
  /** Of a message. Default: 64. */
  readonly bytes?: number;
  readonly tls?: boolean;
  /** Messages are JSON, clients offer permessage-deflate and compress what they send; servers are set to compress. */
  readonly compress?: boolean;
  readonly run: Run;
  /** A second load, in a process of its own, at the same time. Its figures get the prefix `beside`. */
  readonly beside?: { readonly parties: Parties; readonly run: Run };
  /** The name of an earlier load: `share` of its rate is the rate of this one. */
  readonly shareOf?: string;
  readonly share?: number;
  /** How long it has to be measured to mean anything. */
  readonly minimumMs?: number;
  /** Left out of `--quick`. */
  readonly isSlow?: boolean;
};

/** See `load/load.js`; `memory` holds connections that are idle. */
export type Run = {
  readonly kind: "echo" | "broadcast" | "accept" | "memory";
  readonly inFlight?: number;
  /** Messages that arrive in a second; without it, as many as the server can. */
  readonly rate?: number;
  /** Broadcasts in one turn of the server. */
  readonly perTurn?: number;
  readonly turnsInFlight?: number;
};

export type Figure =
  | "rate"
  | "cpu"
  | "p50"
  | "p99"
  | "p999"
  | "last"
  | "lastP99"
  | "besideP50"
  | "besideP99"
  | "serverBusy"
  | "loadBusy"
  | "resident"
  | "heap";

/** What channelkit's figure must be, in shares of that of a control row or by itself. */
export type Bar = {
  readonly load: string;
  /** Whose figure it is about. Default: channelkit's. */
  readonly of?: string;
  readonly figure: Figure;
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
};
