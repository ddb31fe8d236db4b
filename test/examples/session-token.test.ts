import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dial } from "../client/site.ts";
import { runProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";
import { post, startExample } from "./example.ts";

const byHand = { "x-requested-with": "test" };
const slow = { timeoutMs: 10_000 };

describe("session-token.js", () => {
  test("goes on over tokens that end and a database that is down, and ends when its user is put out", async (context) => {
    const example = await startExample(context, "session-token.js", { TOKEN_MS: "1000" });
    const client = await runProgram("examples/session-token.js", { args: [example.url, "ada"] });
    context.after(() => client.stop());
    const numbers = (): number[] =>
      [...client.output().matchAll(/^message (\d+)$/gm)].map(([, number]) => Number(number));
    const goesOn = async (): Promise<void> => {
      const before = numbers().length;
      await eventually(() => assert.ok(numbers().length > before + 3), slow);
    };
    await eventually(() => assert.match(example.output(), /(?:^a token for ada$[^]*){4}/m), slow);
    await goesOn();
    await post(example, "/outage", "", { status: 200, headers: byHand });
    await eventually(() => assert.match(client.output(), /^waiting after 4006 /m), slow);
    await post(example, "/outage", "", { status: 200, headers: byHand });
    await goesOn();
    assert.deepEqual(
      numbers(),
      numbers().map((_, index) => index + 1),
      "one is missing, or came twice",
    );
    assert.doesNotMatch(client.output(), /^closed/m);
    await post(example, "/ban?user=ada", "", { status: 200, headers: byHand });
    assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output());
    assert.match(client.output(), /\nclosed with (?:4600 banned|4501 denied)\n$/);
    const again = await runProgram("examples/session-token.js", { args: [example.url, "ada"] });
    context.after(() => again.stop());
    await again.exited;
    assert.equal(again.output(), "closed with 4501 denied\n");
  });

  test("refuses for good what it has not signed, and lets come back whose token was over", async (context) => {
    const example = await startExample(context, "session-token.js", { TOKEN_MS: "1" });
    const token = await post(example, "/login?user=ada", "", { status: 200, headers: byHand });
    const forged = token.replace(/\.(.)/, (_, first) => (first === "A" ? ".B" : ".A"));
    for (const wrong of [forged, `x${token}`, "nonsense", undefined]) {
      const { log } = dial(context, `${example.url}/live`, { token: () => wrong });
      assert.equal(((await log.waitFor("close")).args[1] as { code: number }).code, 4501, wrong);
    }
    const late = dial(context, `${example.url}/live`, { token: () => token, reconnectDelayMs: 10 });
    await late.log.waitFor("waiting", { count: 3 });
    assert.equal(late.log.of("close").length, 0);
  });
});
