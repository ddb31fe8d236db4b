import { setTimeout as delay } from "node:timers/promises";
import { type CloseStatus, MemoryChannelStore, withChannel } from "../../src/index.ts";
import { quickCases } from "../chaos/cases.ts";
import { ConversationServer } from "../chaos/conversation-server.ts";
import { nameOf, runCase } from "../chaos/run-case.ts";
import { eventually } from "../support/expect.ts";
import { Random } from "../support/random.ts";
import { heapUsedAfterGarbageCollection, openDescriptors, residentBytes } from "../support/resources.ts";
import { inScope } from "./scope.ts";
import { broadcastText, stall, visit } from "./visitors.ts";

/** What a run holds at one moment, behind a collection of garbage. */
export type Sample = {
  readonly atSeconds: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly sessions: number;
  readonly members: number;
};

/** What was done, and what was left when all had gone. */
export type SoakResult = {
  readonly samples: readonly Sample[];
  readonly conversations: number;
  readonly visits: number;
  readonly broadcasts: number;
  /** How the plain channels ended. */
  readonly ends: Readonly<Partial<Record<CloseStatus, number>>>;
  /** What the server reported that is no fault of a client. */
  readonly faults: readonly string[];
};

export type SoakOptions = {
  readonly seconds: number;
  readonly seed: number;
  /** Called with each sample. */
  readonly report?: (sample: Sample) => void;
};

const talkers = 4;
const visitors = 8;
const stallers = 4;
/**
 * A process that is short of time must not be taken for a client that is gone. What is remembered of sessions that are over
 * is full soon: up to its bound it grows.
 */
const limits = { pingIntervalMs: 500, pongTimeoutMs: 4000, maxEndedSessions: 100 };
const patienceMs = 60_000;
const broadcastIntervalMs = 20;
const sampleIntervalMs = 2000;

/**
 * One server for a long time: conversations through a network with faults, whose messages are all counted; plain channels
 * that come and go in a group that is broadcast to; and members of it that read nothing.
 *
 * @throws if a message was lost, doubled or out of order, or if something is held when all have gone
 */
export async function soak({ seconds, seed, report }: SoakOptions): Promise<SoakResult> {
  let result: SoakResult | undefined;
  const random = new Random(seed);
  await inScope(async (scope) => {
    const store = new MemoryChannelStore();
    const ends: Partial<Record<CloseStatus, number>> = {};
    const server = await ConversationServer.start(scope, limits, (request) =>
      withChannel(request, (channel) => {
        if (request.url.endsWith("/stream")) channel.send("", { close: false });
        store.add("group", channel);
        channel.onClose((status) => void (ends[status] = (ends[status] ?? 0) + 1));
      }),
    );
    const descriptorsBefore = openDescriptors();
    const startedAtMs = performance.now();
    const passedSeconds = (): number => (performance.now() - startedAtMs) / 1000;
    let broadcasts = 0;
    const timer = setInterval(() => store.broadcast("group", broadcastText(broadcasts++)), broadcastIntervalMs);
    const isOver = (): boolean => passedSeconds() >= seconds;
    const repeat = async (run: () => Promise<void>): Promise<number> => {
      let count = 0;
      for (; !isOver(); count += 1) await run();
      return count;
    };
    const samples: Sample[] = [];
    const sample = async (): Promise<void> => {
      await delay(sampleIntervalMs);
      const heapBytes = await heapUsedAfterGarbageCollection();
      const held = { sessions: server.sessions.size, members: store.size("group"), descriptors: openDescriptors() };
      const taken = { atSeconds: passedSeconds(), heapBytes, residentBytes: residentBytes(), ...held };
      samples.push(taken);
      report?.(taken);
    };
    const converse = async (): Promise<void> => {
      const chaos = random.pick(quickCases);
      const options = { seed: random.int(0, 2 ** 32 - 1), rounds: 2, server, patienceMs };
      try {
        await inScope((inner) => runCase(inner, chaos, options));
      } catch (cause) {
        throw new Error(`in "${nameOf(chaos)}", behind ${passedSeconds().toFixed()} s`, { cause });
      }
    };
    const many = (count: number, run: () => Promise<void>): Promise<number>[] =>
      Array.from({ length: count }, () => repeat(run));
    const [conversations, visits] = await Promise.all([
      sum(many(talkers, converse)),
      sum(many(visitors, () => visit(server.port, random))),
      sum(many(stallers, () => stall(server.port, random))),
      repeat(sample),
    ]);
    clearInterval(timer);
    await eventually(() => expectNothingHeld(server, store.size("group"), descriptorsBefore), { timeoutMs: 30_000 });
    const faults = server.errors.map(String);
    result = { samples, conversations, visits, broadcasts, ends, faults };
  });
  if (result === undefined) throw new Error("the run has no result");
  return result;
}

function expectNothingHeld({ sessions }: ConversationServer, members: number, descriptorsBefore: number): void {
  const held = { sessions: sessions.size, members, descriptors: openDescriptors() - descriptorsBefore };
  const isEmpty = Object.values(held).every((count) => count <= 0);
  if (!isEmpty) throw new Error(`held when all have gone: ${JSON.stringify(held)}`);
}

async function sum(counts: readonly Promise<number>[]): Promise<number> {
  const all = await Promise.all(counts);
  return all.reduce((total, count) => total + count, 0);
}
