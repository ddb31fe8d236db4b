import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { get } from "../http/stage.ts";
import { runProgram, type RunningProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";
import { Random, roundsFromEnvironment, seedFromEnvironment } from "../support/random.ts";
import { connectRaw } from "../support/raw-client.ts";
import { residentBytes } from "../support/resources.ts";
import { completeRequests } from "./complete-requests.ts";
import type { Holdings, Seen } from "./hostile-server.ts";
import { malformedInput, validInput } from "./malformed-inputs.ts";

const attackMs = 10_000;
/** It goes on until so many connections were made. */
const leastConnections = roundsFromEnvironment(500);
const hourMs = 3_600_000;
const warmUpMs = 8_000;
const clients = 32;
/** How long a client waits for an answer, as an impatient one does. */
const patienceMs = 100;

const name =
  "ten seconds of malformed, mutated and truncated input: the server lives, runs no handler for it, and holds nothing afterwards [S1, S36, C134, P9, P49]";

test(name, { timeout: hourMs }, async (t) => {
  const seed = seedFromEnvironment();
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const random = new Random(seed);
  const program = await runProgram(new URL("hostile-server.js", import.meta.url).pathname, {
    // A young generation of a fixed size: else it grows by 32 MiB at once, at a time of its own.
    nodeArgs: ["--expose-gc", "--min-semi-space-size=16", "--max-semi-space-size=16"],
    readyPattern: /^ready (\d+) (\d+)$/,
  });
  t.after(() => program.stop("SIGKILL"));
  const pid = program.process.pid ?? 0;
  const attacked = new Attack(program, random);

  await attacked.run(warmUpMs);
  const before = await attacked.settled();
  const residentBefore = residentBytes(pid);
  await attacked.run(attackMs, attacked.connections + leastConnections);
  const after = await attacked.settled();

  assert.equal(program.process.exitCode, null);
  assert.equal(program.process.signalCode, null);
  assert.ok(after.peerFaults > 100, `only ${after.peerFaults} refusals: the input is not hostile`);
  assert.deepEqual(attacked.unexpected, [], `handlers ran for what is no complete request; CHANNELKIT_SEED=${seed}`);
  assert.ok(attacked.expected > 100, `only ${attacked.expected} handlers ran`);
  assert.equal(after.openChannels, 0);
  assert.deepEqual(after.otherFaults, []);
  assert.deepEqual(after.resources.toSorted(), before.resources.toSorted());
  assert.equal(after.descriptors, before.descriptors);
  const heapGrowth = after.heapBytes - before.heapBytes;
  const residentGrowth = residentBytes(pid) - residentBefore;
  const mebibyte = 2 ** 20;
  t.diagnostic(`${attacked.connections} connections, ${attacked.expected} handlers, ${after.peerFaults} refusals`);
  t.diagnostic(
    `heap ${(heapGrowth / mebibyte).toFixed(1)} MiB, resident ${(residentGrowth / mebibyte).toFixed(1)} MiB more`,
  );
  assert.ok(heapGrowth < 3 * mebibyte, `the heap grew by ${heapGrowth} bytes`);
  assert.ok(residentGrowth < 40 * mebibyte, `the resident memory grew by ${residentGrowth} bytes`);
  await attacked.expectService();
});

/** Many clients that send what they should not, and a book of what handlers may have seen of it. */
class Attack {
  connections = 0;
  expected = 0;
  readonly unexpected: Seen[] = [];
  readonly #port: number;
  readonly #controlPort: number;
  readonly #random: Random;
  /** How often a handler may see a request of a client port. */
  readonly #allowed = new Map<string, number>();

  constructor(program: RunningProgram, random: Random) {
    this.#port = Number(program.ready?.[1]);
    this.#controlPort = Number(program.ready?.[2]);
    this.#random = random;
  }

  async run(forMs: number, leastInAll = 0): Promise<void> {
    const until = performance.now() + forMs;
    const isOver = (): boolean => performance.now() >= until && this.connections >= leastInAll;
    const client = async (): Promise<void> => {
      while (!isOver()) await this.#connection();
    };
    await Promise.all([...Array.from({ length: clients }, client), this.#watch(isOver)]);
  }

  async settled(): Promise<Holdings> {
    await this.#quiet();
    const seen = await this.#ask<Seen[]>("/seen");
    for (const each of seen.filter(({ port }) => port !== 0)) this.#check(each);
    for (const each of seen.filter(({ port }) => port === 0)) this.#check(each);
    // Behind that, since what its handlers saw is no longer on its heap.
    return this.#quiet();
  }

  /** What the server holds once no connection is left but the one that asks, of which the answer tells as well. */
  #quiet(): Promise<Holdings> {
    return eventually(
      async () => {
        const now = await this.#ask<Holdings>("/holdings");
        const connections = now.resources.filter((kind) => kind === "TCPSocketWrap").length;
        assert.equal(connections, 1, now.resources.join(", "));
        assert.equal(now.openChannels, 0);
        return now;
      },
      { timeoutMs: 10_000 },
    );
  }

  async expectService(): Promise<void> {
    const client = await connectRaw(this.#port);
    this.#allow(client.socket.localPort ?? 0, get("/echo"));
    client.write(get("/echo"));
    assert.equal((await client.readResponse({ timeoutMs: 5000 })).status, 200);
    client.destroy();
  }

  /** A good client finds the server at work all the time. */
  async #watch(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.expectService();
      await delay(500);
    }
  }

  async #connection(): Promise<void> {
    const random = this.#random;
    const input = malformedInput(random);
    const client = await connectRaw(this.#port, { timeoutMs: 5000 });
    this.connections += 1;
    this.#allow(client.socket.localPort ?? 0, input);
    if (random.chance(0.2)) await client.writeSplit(input, random.int(1, input.length));
    else client.write(input);
    const ends = random.chance(0.2);
    if (ends) client.end();
    await client.waitForEnd({ timeoutMs: random.int(1, patienceMs) }).catch(() => undefined);
    // The system resets no socket that has been shut down.
    if (!ends && random.chance(0.5)) client.reset();
    else client.destroy();
    await client.closed;
  }

  #allow(port: number, input: Buffer | string): void {
    for (const { method, target } of completeRequests(Buffer.from(input))) {
      const key = `${port} ${method} ${target}`;
      this.#allowed.set(key, (this.#allowed.get(key) ?? 0) + 1);
    }
  }

  #check(each: Seen): void {
    const key = each.port === 0 ? this.#anyOf(each) : `${each.port} ${each.method} ${each.target}`;
    const count = this.#allowed.get(key) ?? 0;
    this.#allowed.set(key, count - 1);
    if (count > 0) this.expected += 1;
    else this.unexpected.push(each);
  }

  /** Of a client that was gone before it was accepted not even the port is known. */
  #anyOf({ method, target }: Seen): string {
    const keys = [...this.#allowed].filter(([key, count]) => count > 0 && key.endsWith(` ${method} ${target}`));
    return keys[0]?.[0] ?? "none";
  }

  async #ask<T>(path: string): Promise<T> {
    return (await (await fetch(`http://127.0.0.1:${this.#controlPort}${path}`)).json()) as T;
  }
}

describe("the observer of the malformed input", () => {
  for (const [what, bytes, count] of [
    ["two requests", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", 2],
    ["a request that is cut", "GET / HTTP/1.1\r\nHost: a\r\n\r", 0],
    ["a body that is cut", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", 0],
    ["chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1],
    ["chunks that are cut", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", 0],
    ["a bad chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", 0],
    ["a bad header", "GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 0],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 0],
    ["a request behind one that closes", "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 1],
  ] as const) {
    it(`counts ${count} in ${what}`, () => {
      assert.equal(completeRequests(Buffer.from(bytes)).length, count);
    });
  }

  it("finds a complete request in every valid input", () => {
    const random = new Random(1);
    for (let index = 0; index < 500; index++) assert.equal(completeRequests(validInput(random)).length, 1);
  });
});
