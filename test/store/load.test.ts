import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { turnBudgetMs } from "../../src/index.ts";
import { type RunningProgram, runProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";
import type { Measured } from "./load-server.ts";

const members = 10_000;
const rounds = 7;

async function ask(port: string, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  assert.equal(response.status, 200);
  return response.text();
}

async function start(
  context: TestContext,
  file: string,
  readyPattern: RegExp,
  args: string[] = [],
): Promise<RunningProgram> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const program = await runProgram(path, { args, readyPattern, timeoutMs: 60_000 });
  context.after(() => program.stop("SIGKILL"));
  return program;
}

/** Lets a crowd join and takes it through all rounds. */
async function measure(context: TestContext, kind: "websocket" | "poll"): Promise<Measured[]> {
  const server = await start(context, "load-server.js", /^listening on (\d+)$/);
  const port = server.ready?.[1] ?? assert.fail();
  const clients = await start(context, "load-clients.js", /^open$/, [port, String(members), kind]);
  const results: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    await eventually(async () => assert.equal(await ask(port, "/size"), String(members)), { timeoutMs: 30_000 });
    const parts = kind === "websocket" ? [0, 1, 2] : [0];
    const values = parts.map((part) => `value=${round}.${part}`).join("&");
    assert.equal(await ask(port, `/broadcast?${values}`), String(members));
    await eventually(() => assert.match(clients.output(), new RegExp(`^round ${round}$`, "m")), { timeoutMs: 30_000 });
    results.push(JSON.parse(await ask(port, "/measured")) as Measured);
    if (kind === "poll") clients.process.kill("SIGUSR2");
  }
  for (const result of results) context.diagnostic(JSON.stringify(result));
  return results;
}

/**
 * Of several broadcasts the one in the middle: the first ones run code that is not compiled yet, and on a machine that
 * runs much else any single one can be late.
 */
function middle(results: readonly Measured[], pick: (result: Measured) => number): number {
  return results.map(pick).toSorted((one, other) => one - other)[Math.floor(results.length / 2)] ?? assert.fail();
}

for (const kind of ["websocket", "poll"] as const) {
  const members10000 = kind === "websocket" ? "three broadcasts to 10 000 WebSockets" : "a broadcast to 10 000 polls";
  test(`${members10000} reach all of them in order, and no turn of the event loop works much longer than its budget [1U-3]`, async (context) => {
    const results = await measure(context, kind);
    const longestMs = middle(results, (result) => result.longestMs);
    const busyTurns = middle(results, (result) => result.busyTurns);
    // Measured on an idle machine: 10.2 to 10.9 ms. As much again is left for one that is not, and for reading input;
    // without a budget it is 90 to 300 ms.
    assert.ok(longestMs <= 2 * turnBudgetMs, `a turn worked for ${longestMs} ms`);
    assert.ok(busyTurns >= 3, `${busyTurns} turns: too little work to show anything`);
  });
}
