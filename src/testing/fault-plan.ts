import type { Exchange } from "./exchange.ts";
import type { Fault } from "./fault.ts";
import { SeededRandom } from "./random.ts";

/** A fault that was chosen, with the random numbers that are its own. */
export type Chosen = { readonly fault: Fault; readonly random: SeededRandom };

/**
 * When faults are chosen: at a new connection, at the head of a request or of its response, or, for exchanges that are
 * under way, when faults are set.
 */
type Moment = "connection" | "request" | "response" | "set";

/** These change what is done with a request, so they need its head. */
const beginWithRequest: readonly Fault["type"][] = [
  "refuse-upgrade",
  "swallow-upgrade",
  "mute-upgrade",
  "close-upgrade",
  "strip-upgrade",
  "duplicate-request",
];

/** The faults that are set, and which of them strike whom. */
export class FaultPlan {
  readonly #seed: number;
  readonly #number: number;
  readonly #faults: readonly { readonly fault: Fault; timesLeft: number }[];

  /** @param number - of this plan among those of its proxy */
  constructor(seed: number, number: number, faults: readonly Fault[]) {
    this.#seed = seed;
    this.#number = number;
    this.#faults = faults.map((fault) => ({
      fault,
      timesLeft: "times" in fault ? (fault.times ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
    }));
  }

  chooseForConnection(connection: number): Chosen[] {
    return this.#choose(connection, 0, (fault) => fault.type === "refuse");
  }

  chooseForExchange(connection: number, exchange: Exchange, moment: Moment): Chosen[] {
    return this.#choose(
      connection,
      exchange.number,
      (fault) => isFor(fault, exchange) && isDue(fault, moment, exchange),
    );
  }

  #choose(connection: number, request: number, isWanted: (fault: Fault) => boolean): Chosen[] {
    const chosen: Chosen[] = [];
    for (const [index, entry] of this.#faults.entries()) {
      const { fault, timesLeft } = entry;
      if (timesLeft === 0 || !isWanted(fault)) continue;
      // Each has numbers of its own, so that a run repeats however its connections overlap in time.
      const random = new SeededRandom(this.#seed, this.#number, index, connection, request);
      if ("probability" in fault && fault.probability !== undefined && !random.chance(fault.probability)) continue;
      entry.timesLeft -= 1;
      chosen.push({ fault, random });
    }
    return chosen;
  }
}

function isFor(fault: Fault, exchange: Exchange): boolean {
  if (fault.type === "refuse" || fault.type === "offline") return false;
  if (fault.type.endsWith("-upgrade")) return exchange.kind === "upgrade";
  if (fault.type === "duplicate-request") return exchange.kind === "request" && exchange.method === "POST";
  if (fault.type.endsWith("-response") && exchange.kind !== "request") return false;
  if (!("on" in fault) || fault.on === undefined) return true;
  if (fault.on === "upgrade" || fault.on === "request") return exchange.kind === fault.on;
  return exchange.kind === "request" && exchange.response === fault.on;
}

function isDue(fault: Fault, moment: Moment, exchange: Exchange): boolean {
  const needsResponse = "on" in fault && (fault.on === "stream" || fault.on === "answer");
  if (moment === "response") return needsResponse;
  if (moment === "request") return !needsResponse;
  if (fault.type === "drop-response" && exchange.response !== undefined) return false;
  return !beginWithRequest.includes(fault.type);
}
