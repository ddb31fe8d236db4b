import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { get } from "../http/stage.ts";
import type { Random } from "../support/random.ts";
import { connectRaw, type RawClient } from "../support/raw-client.ts";
import { openWebSocket } from "../support/websocket-client.ts";

/** A plain channel in the group, seen from its client. */
type Visit = {
  readonly client: RawClient;
  /** The next broadcast. */
  readonly next: () => Promise<string>;
  /** Whether it may miss what comes while it asks again. */
  readonly hasGaps?: boolean;
};

const patient = { timeoutMs: 20_000 };
const visits = [overWebSocket, overStream, overPolls] as const;
const waysOut = [
  (client: RawClient): void => client.reset(),
  (client: RawClient): void => client.destroy(),
  (client: RawClient): void => client.end(),
] as const;

/** What is broadcast: each begins with its number. */
export function broadcastText(number: number): string {
  return `${number} `.padEnd(1024, "x");
}

/** Takes some broadcasts, in their order and without a hole, and leaves in one way or another. */
export async function visit(port: number, random: Random): Promise<void> {
  const { client, next, hasGaps = false } = await random.pick(visits)(port);
  let last: number | undefined;
  for (let left = random.int(1, 20); left > 0; left -= 1) {
    const number = Number.parseInt(await next(), 10);
    const isNext = last === undefined || (hasGaps ? number > last : number === last + 1);
    assert.ok(isNext, `broadcast ${number} came behind ${last}`);
    last = number;
  }
  await leave(client, random);
}

/** Joins the group and reads nothing for a while, at times for longer than the server puts up with. */
export async function stall(port: number, random: Random): Promise<void> {
  const { client } = await random.pick([overWebSocket, overStream])(port);
  client.pause();
  await delay(random.int(1000, 30_000), undefined, { ref: false });
  await leave(client, random);
}

async function leave(client: RawClient, random: Random): Promise<void> {
  random.pick(waysOut)(client);
  client.resume();
  await client.closed;
}

async function overWebSocket(port: number): Promise<Visit> {
  const socket = await openWebSocket(port, "/group");
  return { client: socket.client, next: async () => String(await socket.nextMessage(patient)) };
}

async function overStream(port: number): Promise<Visit> {
  const client = await connectRaw(port);
  client.write(get("/group/stream"));
  await client.readHead(patient);
  let unread = "";
  const next = async (): Promise<string> => {
    // A chunk may hold more than one.
    while (unread.length < 1024) unread += (await client.readChunk(patient)).toString();
    const text = unread.slice(0, 1024);
    unread = unread.slice(1024);
    return text;
  };
  return { client, next };
}

async function overPolls(port: number): Promise<Visit> {
  const client = await connectRaw(port);
  const next = async (): Promise<string> => {
    client.write(get("/group/poll"));
    return (await client.readResponse(patient)).text;
  };
  return { client, next, hasGaps: true };
}
