import assert from "node:assert/strict";
import type { Fault, ProxyEvent } from "../../src/testing.ts";
import type { Scope } from "../server/set-server.ts";
import { Random } from "../support/random.ts";
import type { ChaosCase } from "./cases.ts";
import type { ConversationServer } from "./conversation-server.ts";
import { Conversation } from "./conversation.ts";

/** The time that a slow machine needs, and by far not what a case takes. */
const usualPatienceMs = 20_000;
/** These strike some time after they were chosen; the others with that. */
const strikeLater: readonly Fault["type"][] = ["cut", "half-open", "refuse", "offline"];

export type RunOptions = {
  readonly seed: number;
  readonly rounds: number;
  /** Default: one of its own. */
  readonly server?: ConversationServer;
  /** How long each step may take. */
  readonly patienceMs?: number;
};

/** The name of the test of a case. */
export function nameOf({ name, transports, direction }: ChaosCase): string {
  const [end, beginning] = transports.toReversed();
  const over = beginning === undefined ? `over ${end}` : `from ${transports.slice(0, -1).join(" and ")} to ${end}`;
  return `${name}, ${over}, ${direction}`;
}

/**
 * Both sides talk while a network fails and is well again, some times: nothing is lost, doubled or out of order.
 *
 * @param seed - decides all that is random, and is named by the error if something is wrong
 */
export async function runCase(
  scope: Scope,
  chaos: ChaosCase,
  { seed, rounds, server, patienceMs = usualPatienceMs }: RunOptions,
): Promise<void> {
  const conversation = await Conversation.start(scope, {
    ...(server && { server }),
    random: new Random(seed),
    traffic: {
      busy: chaos.direction === "to-server" ? "client" : "server",
      maxBytes: chaos.maxBytes,
      hasEmpty: true,
    },
    client: { transports: chaos.transports },
  });
  const { oracle } = conversation;
  try {
    await oracle.until(() => oracle.isDelivered, patienceMs, "the greeting");
    conversation.talk();
    for (let round = 0; round < rounds; round += 1) await endure(conversation, chaos, patienceMs);
    conversation.sendLast();
    await finish(conversation, patienceMs);
  } catch (cause) {
    throw new Error(`CHANNELKIT_SEED=${seed} breaks it\n${conversation.story()}`, { cause });
  }
}

async function endure(
  { oracle, proxy }: Conversation,
  { faults, strikes, cuts }: ChaosCase,
  patienceMs: number,
): Promise<void> {
  proxy.set(faults);
  if (cuts) proxy.cut();
  const struck = (): boolean => strikesOf(proxy.events, faults) >= strikes;
  await oracle.until(struck, patienceMs, `${strikes} strikes`);
  proxy.clear();
  const before = oracle.progress;
  // More than what was on its way: the session goes on.
  await oracle.until(() => oracle.progress > before + 20, patienceMs, "messages behind the fault");
}

async function finish(conversation: Conversation, patienceMs: number): Promise<void> {
  const { oracle, client } = conversation;
  await oracle.until(() => oracle.isDelivered, patienceMs, "all messages");
  assert.deepEqual(
    oracle.announced.map(({ reason, uncertain }) => ({ reason, uncertain })),
    [{ reason: undefined, uncertain: 0 }],
    "a session was lost",
  );
  client.close();
  await oracle.until(() => oracle.ends[0] !== undefined, patienceMs, "the end");
  assert.deepEqual(oracle.ends, ["normal 1000"]);
  assert.ok(conversation.isForgotten, "the server keeps a session that is over");
}

/** How often faults have struck since they were set. */
function strikesOf(events: readonly ProxyEvent[], faults: readonly Fault[]): number {
  const set = events.findLastIndex(({ what }) => what === "set");
  const isLater = faults.length === 1 && faults.every(({ type }) => strikeLater.includes(type));
  return events.slice(set).filter(({ what }) => what === (isLater ? "strike" : "fault")).length;
}
