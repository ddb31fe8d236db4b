import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import type { Browser } from "playwright-core";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import { type Client, dial, received } from "../client/site.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { runProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";
import { type Example, post, startExample } from "./example.ts";

const byHand = { "x-requested-with": "test" };

type Said = { readonly name?: string; readonly text?: string; readonly there?: string[]; readonly typing?: string };

/** All that a member of the chat was told, in order. */
const told = (client: Client): Said[] =>
  received(client).flatMap((batch) => (JSON.parse(String(batch)) as { messages: Said[] }).messages);
const textsOf = (client: Client): string[] =>
  told(client).flatMap(({ name, text }) => (text === undefined ? [] : [`${name}: ${text}`]));
const thereIn = (client: Client): string[] | undefined =>
  told(client).findLast(({ there }) => there !== undefined)?.there;

async function networkOf(context: TestContext, { port }: Example): Promise<FaultProxy> {
  const proxy = await createFaultProxy({ target: { port } });
  context.after(() => proxy.close());
  return proxy;
}

describe("session-chat.js", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test("tells who is there, keeps who is cut, shows the last messages to who joins, and puts out for good", async (context) => {
    const example = await startExample(context, "session-chat.js");
    const network = await networkOf(context, example);
    const ann = dial(context, `${example.url}/live?name=ann`);
    await eventually(() => assert.deepEqual(thereIn(ann), ["ann"]));
    for (let count = 1; count <= 60; count++) ann.channel.send(`number ${count}`);
    await eventually(() => assert.equal(textsOf(ann).length, 60));
    const bob = dial(context, `${network.url}/live?name=bob`, { reconnectDelayMs: 10 });
    await eventually(() => assert.deepEqual(thereIn(ann), ["ann", "bob"]));
    await eventually(() => assert.deepEqual(textsOf(bob), textsOf(ann).slice(-50)));
    bob.channel.send("");
    await eventually(() => assert.ok(told(ann).some(({ typing }) => typing === "bob")));
    network.set({ type: "refuse" });
    network.cut();
    await eventually(() => assert.deepEqual(thereIn(ann), ["ann"]));
    ann.channel.send("where are you?");
    await eventually(() => assert.equal(textsOf(ann).at(-1), "ann: where are you?"));
    network.clear();
    await eventually(() => assert.deepEqual(textsOf(bob).slice(-2), ["ann: number 60", "ann: where are you?"]));
    await eventually(() => assert.deepEqual(thereIn(ann), ["ann", "bob"]));
    await post(example, "/kick?name=bob", "", { status: 403, headers: {} });
    assert.equal(await post(example, "/kick?name=bob", "", { status: 200, headers: byHand }), "bob is out\n");
    const end = ["server-close", { code: 4600, reason: "kicked", wasClean: true }];
    assert.deepEqual((await bob.log.waitFor("close")).args, end);
    await eventually(() => assert.deepEqual(thereIn(ann), ["ann"]));
    const again = dial(context, `${example.url}/live?name=bob`);
    assert.equal(((await again.log.waitFor("close")).args[1] as { code: number }).code, 4501);
  });

  test("has a page that works without a bundler", async (context) => {
    const example = await startExample(context, "session-chat.js");
    const first = await openPage(browser, `${example.url}/?name=ann`);
    const second = await openPage(browser, `${example.url}/?name=bob`);
    context.after(() => Promise.all([first, second].map(({ page }) => page.context().close())));
    await first.page.getByText("ann, bob").waitFor();
    await second.page.locator("#text").fill("hello");
    await first.page.getByText("bob is typing").waitFor();
    await second.page.locator("#text").press("Enter");
    await first.page.getByText("bob: hello").waitFor();
    await second.page.reload();
    await second.page.getByText("bob: hello").waitFor();
    // A console has more to tell: on a busy machine a second transport is dialled, and refused as too late.
    const uncaught = [...first.problems, ...second.problems].filter((problem) => problem.startsWith("uncaught"));
    assert.deepEqual(uncaught, []);
  });
});

describe("session-ai-tokens.js", () => {
  const whole = 'You asked "why?". That is a good question, and there are many good answers to it. ';

  for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
    test(`brings every token once over ${kind}, also where the connection is cut again and again`, async (context) => {
      const example = await startExample(context, "session-ai-tokens.js");
      const network = await networkOf(context, example);
      const client = dial(context, network.url, { transports: [kind], reconnectDelayMs: 10 });
      client.channel.send("why?");
      for (let tokens = 3; tokens <= 12; tokens += 3) {
        await client.log.waitFor("receive", { count: tokens });
        network.cut();
      }
      await eventually(() => assert.equal(received(client).at(-1), ""), { timeoutMs: 5000 });
      assert.equal(received(client).join(""), whole);
      await eventually(() => assert.match(example.output(), /^sent 16 tokens$/m));
    });
  }

  test("waits for a client that is away, and stops when it does not come back", async (context) => {
    const example = await startExample(context, "session-ai-tokens.js", { AWAY_MS: "400" });
    const network = await networkOf(context, example);
    const client = dial(context, network.url, { transports: ["websocket"] });
    client.channel.send("why?");
    await client.log.waitFor("receive");
    network.set({ type: "refuse" });
    network.cut();
    await eventually(() => assert.match(example.output(), /^the client is away$/m));
    await eventually(() => assert.match(example.output(), /^stopped after \d+ tokens$/m), { timeoutMs: 3000 });
  });

  test("is its own client in a terminal", async (context) => {
    const example = await startExample(context, "session-ai-tokens.js", { TOKEN_MS: "1" });
    for (const kind of [[], ["long-polling"]]) {
      const client = await runProgram("examples/session-ai-tokens.js", { args: [example.url, "why?", ...kind] });
      context.after(() => client.stop());
      assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output());
      assert.equal(client.output(), `${whole}\n`);
    }
  });
});
