import type { ChannelKind } from "../../src/index.ts";
import type { Direction, Fault } from "../../src/testing/fault.ts";

/** What is done to a conversation, and over which transports. */
export type ChaosCase = {
  readonly name: string;
  readonly transports: readonly ChannelKind[];
  /** The direction in which most messages go, and in which the fault strikes where it has one. */
  readonly direction: Direction;
  readonly faults: readonly Fault[];
  /** How often each round lets it strike before the network is well again. */
  readonly strikes: number;
  /** Connections are cut when the fault is set: it is for new ones. */
  readonly cuts: boolean;
  readonly maxBytes: number;
};

type Sort = {
  readonly name: string;
  readonly fault: (direction: Direction) => Fault | readonly Fault[];
  readonly strikes?: number;
  readonly cuts?: boolean;
  readonly maxBytes?: number;
};

const polling = ["long-polling"] as const;
const streaming = ["http-streaming"] as const;
const webSocket = ["websocket"] as const;
const each = [webSocket, streaming, polling];
const directions: readonly Direction[] = ["to-server", "to-client"];

/** A message may be larger: it comes through when the cuts are over. */
const anywhere = { min: 1, max: 6000 };
const upgrade = { cuts: true, strikes: 1 };

/** For requests of any sort. */
const ofConnections: readonly Sort[] = [
  {
    name: "connections reset at random bytes",
    fault: (direction) => ({ type: "cut", direction, afterBytes: anywhere }),
    strikes: 4,
  },
  {
    name: "connections ended in good order at random bytes",
    fault: (direction) => ({ type: "cut", how: "fin", direction, afterBytes: anywhere }),
    strikes: 4,
  },
  {
    name: "connections that stand still for a while",
    fault: (direction) => ({ type: "half-open", forMs: 60, direction, afterBytes: { min: 1, max: 2000 } }),
    // A WebSocket does so once.
    strikes: 1,
  },
  { name: "connections refused", fault: () => ({ type: "refuse" }), cuts: true, strikes: 2 },
  { name: "no network for a while", fault: () => ({ type: "offline", forMs: 150 }), strikes: 1 },
  {
    name: "single bytes",
    fault: (direction) => ({ type: "split", direction }),
    cuts: true,
    strikes: 1,
    maxBytes: 300,
  },
  {
    name: "delays that vary",
    fault: (direction) => ({ type: "delay", delayMs: 20, jitterMs: 60, direction }),
    cuts: true,
    strikes: 1,
  },
];

/** For WebSockets: what carries the session meanwhile is the transport behind it, if there is one. */
const ofUpgrades: readonly Sort[] = [
  { name: "upgrades refused", fault: () => ({ type: "refuse-upgrade" }), ...upgrade },
  { name: "upgrades swallowed", fault: () => ({ type: "swallow-upgrade" }), ...upgrade },
  { name: "upgrades muted", fault: () => ({ type: "mute-upgrade" }), ...upgrade },
  { name: "upgrades closed", fault: () => ({ type: "close-upgrade" }), ...upgrade },
  { name: "upgrades stripped", fault: () => ({ type: "strip-upgrade" }), ...upgrade },
];

/** For the responses of HTTP. */
const ofResponses: readonly Sort[] = [
  { name: "responses buffered to their end", fault: () => ({ type: "hold-response" }), strikes: 3 },
  {
    name: "responses buffered into lumps",
    fault: () => ({ type: "hold-response", untilBytes: 3000, untilMs: 40 }),
    cuts: true,
    strikes: 3,
  },
  {
    name: "complete responses dropped",
    fault: () => ({ type: "drop-response", probability: 0.5 }),
    strikes: 4,
  },
  { name: "requests doubled", fault: () => ({ type: "duplicate-request" }), strikes: 6 },
];

/** All of it at once. */
const storm: Sort = {
  name: "all faults at random",
  fault: (direction) => [
    { type: "refuse-upgrade", probability: 0.2 },
    { type: "mute-upgrade", probability: 0.1 },
    { type: "close-upgrade", probability: 0.1 },
    { type: "cut", direction, afterBytes: { min: 1, max: 60_000 } },
    { type: "half-open", forMs: 60, direction, afterBytes: anywhere, probability: 0.1 },
    { type: "drop-response", probability: 0.1 },
    { type: "duplicate-request", probability: 0.1 },
    { type: "hold-response", on: "stream", probability: 0.1 },
    { type: "refuse", probability: 0.1 },
    { type: "delay", delayMs: 5, jitterMs: 20, probability: 0.3 },
  ],
  cuts: true,
  strikes: 12,
};

/** A connection that goes silent for good is found by heartbeats alone, which takes seconds. */
const silence: Sort = {
  name: "connections half-open for ever",
  fault: (direction) => ({ type: "half-open", direction, afterBytes: anywhere }),
  strikes: 1,
};

/** Those that take a second or two. */
export const quickCases: readonly ChaosCase[] = [
  ...ofConnections.flatMap((sort) => casesOf(sort, each)),
  ...ofUpgrades.flatMap((sort) => casesOf(sort, [webSocket, [...webSocket, ...streaming], [...webSocket, ...polling]])),
  ...ofResponses.flatMap((sort) => casesOf(sort, [streaming, polling])),
  ...casesOf(storm, [...each, [...webSocket, ...streaming, ...polling]]),
];

export const slowCases: readonly ChaosCase[] = casesOf(silence, each);

function casesOf(sort: Sort, ladders: readonly (readonly ChannelKind[])[]): ChaosCase[] {
  const { name, fault, strikes = 1, cuts = false, maxBytes = 70_000 } = sort;
  return ladders.flatMap((transports) =>
    directions.map((direction) => {
      const faults = [fault(direction)].flat();
      return { name, transports, direction, faults, strikes, cuts, maxBytes };
    }),
  );
}
