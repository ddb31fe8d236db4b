import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "../support/child.ts";
import { startExample } from "./example.ts";

test("graphql-subscriptions.js queries and subscribes, over whatever carries it", async (context) => {
  const example = await startExample(context, "graphql-subscriptions.js");
  for (const kind of [[], ["http-streaming"], ["long-polling"]]) {
    const client = await runProgram("examples/graphql-subscriptions.js", { args: [example.url, ...kind] });
    context.after(() => client.stop());
    assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output());
    const countdown = [3, 2, 1, 0].map((left) => `{"countdown":${left}}\n`);
    assert.equal(client.output(), ['{"hello":"world"}\n', ...countdown].join(""));
  }
});
