import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ChannelKind } from "../../src/index.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { Conversation } from "./conversation.ts";

guardAgainstUnhandled();

const seed = seedFromEnvironment();
const patienceMs = 20_000;
const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** Why a session cannot be resumed, and what both ends are told then. */
const losses = [
  {
    cause: "a client that stays away for too long",
    limits: { resumeWindowMs: 100 },
    told: "expired",
    end: "abnormal 4009",
  },
  {
    cause: "more than is kept for a client that is away",
    limits: { maxReplayMessages: 10, maxReplayBytes: 4096 },
    told: "overflow",
    end: "overflow 4004",
  },
] as const;

/** The network is gone until the server has ended the session; both sides go on talking all the time. */
async function loseSession(t: TestContext, transport: ChannelKind, loss: (typeof losses)[number]): Promise<void> {
  const conversation = await Conversation.start(t, {
    random: new Random(seed),
    traffic: { busy: "server", maxBytes: 2000, hasEmpty: false },
    client: { transports: [transport] },
    limits: loss.limits,
  });
  const { oracle, proxy, client, server } = conversation;
  try {
    conversation.talk();
    await oracle.until(() => oracle.progress > 50, patienceMs, "messages");
    proxy.set({ type: "refuse" });
    proxy.cut();
    await oracle.until(() => oracle.ends[0] !== undefined, patienceMs, "the end of the session");
    proxy.clear();
    await oracle.until(() => oracle.announced.length === 2, patienceMs, "the announcement");
    const before = oracle.progress;
    await oracle.until(() => oracle.progress > before + 50, patienceMs, "messages behind the announcement");
    conversation.sendLast();
    await oracle.until(() => oracle.isDelivered, patienceMs, "all messages");
    assert.equal(oracle.announced[1]?.reason, loss.told);
    client.close();
    await oracle.until(() => oracle.ends.every((end) => end !== undefined), patienceMs, "the end");
    assert.deepEqual(oracle.ends, [loss.end, "normal 1000"]);
    assert.equal(server.sessions.size, 0);
  } catch (cause) {
    throw new Error(`CHANNELKIT_SEED=${seed} breaks it\n${conversation.story()}`, { cause });
  }
}

describe(
  `a hole is announced to both ends before any message behind it (CHANNELKIT_SEED=${seed})`,
  {
    concurrency: 3,
  },
  () => {
    for (const loss of losses) {
      for (const kind of kinds) it(`${loss.cause}, over ${kind}`, (t) => loseSession(t, kind, loss));
    }
  },
);
