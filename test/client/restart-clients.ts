/** Many clients of `connect` in a process of their own, which talk to whatever server they are sent to, and tell what they saw. */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { type ClientChannel, connect } from "../../src/client.ts";
import type { ChannelKind } from "../../src/index.ts";

/** What one client sent, got and was told. */
export type ClientReport = {
  readonly name: string;
  /** It sent the messages from 1 to this. */
  readonly sent: number;
  /** `server number` of each message that came, in the order in which they came. */
  readonly received: readonly string[];
  /** Of its messages, how many it was told may not have arrived. */
  readonly uncertain: number;
  /** Why each session but the first was a new one. */
  readonly reasons: readonly (string | undefined)[];
  readonly waits: number;
};

/** From the test: make these clients; and, once they have moved, say no more and tell. */
export type Order =
  | {
      readonly type: "connect";
      readonly url: string;
      readonly clients: readonly ChannelKind[];
      readonly pauseMs: number;
    }
  | { readonly type: "finish" };

/** To the test: all are there; what each of them has to tell. */
export type Answer =
  | { readonly type: "open" }
  | {
      readonly type: "done";
      readonly reports: readonly ClientReport[];
      /** By how much this process was late at most since all were there. */
      readonly lateMs: number;
    };

type Client = {
  readonly channel: ClientChannel;
  readonly report: { -readonly [Name in keyof ClientReport]: ClientReport[Name] } & {
    readonly received: string[];
    readonly reasons: (string | undefined)[];
  };
  readonly opened: Promise<void>;
};

/** So many are dialled at once. */
const dialledAtOnce = 50;

let clients: Client[] = [];
const talking = new AbortController();
const lag = monitorEventLoopDelay();

function dial(url: string, kind: ChannelKind, name: string): Client {
  const channel = connect(url, { WebSocket, transports: [kind], attachTimeoutMs: 30_000 });
  const report = { name, sent: 0, received: [] as string[], uncertain: 0, reasons: [] as string[], waits: 0 };
  channel.onReceive((message) => void report.received.push(String(message)));
  const opened = new Promise<void>((resolve) => {
    channel.onStatus((status) => {
      if (status.state === "waiting") report.waits += 1;
      if (status.state !== "open") return;
      report.uncertain += status.uncertain;
      if (status.reason !== undefined) report.reasons.push(status.reason);
      resolve();
    });
  });
  return { channel, report, opened };
}

/** Evenly spread over any time, and in another order than that in which clients are made (the golden ratio). */
const shareOf = (index: number): number => (index * 0.618_033_988_75) % 1;

/** Each says something every so often, none when another one does. */
async function talk({ channel, report }: Client, pauseMs: number, share: number): Promise<void> {
  await delay(pauseMs * share);
  while (!talking.signal.aborted) {
    report.sent += 1;
    channel.send(`${report.name} ${report.sent}`);
    await delay(pauseMs);
  }
}

async function connectAll({ url, clients: kinds, pauseMs }: Extract<Order, { type: "connect" }>): Promise<void> {
  for (let from = 0; from < kinds.length; from += dialledAtOnce) {
    const some = kinds.slice(from, from + dialledAtOnce).map((kind, index) => dial(url, kind, `c${from + index}`));
    await Promise.all(some.map(({ opened }) => opened));
    clients = [...clients, ...some];
  }
  for (const [index, client] of clients.entries()) void talk(client, pauseMs, shareOf(index));
  lag.enable();
  tell({ type: "open" });
}

/** Whatever waits for a server has arrived before it tells, and the answers to that come within the time given. */
async function finish(): Promise<void> {
  talking.abort();
  const lateMs = lag.max / 1e6;
  for (const { channel } of clients) while (channel.bufferedAmount > 0) await delay(50);
  // All are answered by then: the answer to a message comes with the ack of it, or close behind.
  await delay(1000);
  tell({ type: "done", reports: clients.map(({ report }) => report), lateMs });
}

function tell(answer: Answer): void {
  process.send?.(answer);
}

process.on("message", (order: Order) => void (order.type === "connect" ? connectAll(order) : finish()));
process.on("disconnect", () => process.exit());
