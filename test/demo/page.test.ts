import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { launchBrowser, openPage, type WatchedPage } from "../support/browser.ts";
import { destroyOpenClients } from "../support/raw-client.ts";
import { type Demo, type Kind, say, startDemo, stopDemo, StreamMember } from "./demo.ts";

const kinds: readonly Kind[] = ["websocket", "http-streaming", "long-polling"];

function pane(page: Page, kind: Kind): Locator {
  return page.locator(`.pane[data-kind="${kind}"]`);
}

function inState(page: Page, kind: Kind, state: "open" | "waiting" | "closed"): Promise<void> {
  return page.locator(`.pane[data-kind="${kind}"][data-state="${state}"]`).waitFor();
}

async function allInState(page: Page, state: "open" | "waiting"): Promise<void> {
  await Promise.all(kinds.map((kind) => inState(page, kind, state)));
}

/** Types a message as a user does, and sends it. */
async function type(page: Page, kind: Kind, text: string): Promise<void> {
  await pane(page, kind).getByRole("textbox").pressSequentially(text);
  await pane(page, kind).getByRole("button", { name: "Send" }).click();
}

/** Waits for a message in a pane, and tells all that stand in it. */
async function messagesUpTo(page: Page, kind: Kind, last: string): Promise<string[]> {
  const messages = pane(page, kind).locator(".message .text");
  await messages.filter({ hasText: last }).first().waitFor();
  return messages.allTextContents();
}

/** Waits until the log of a pane has a line. */
function logged(page: Page, kind: Kind, line: RegExp): Promise<void> {
  return pane(page, kind).locator(".log li").filter({ hasText: line }).first().waitFor();
}

/** Waits until a pane shows so many people, and tells them as `name kind`. */
async function people(page: Page, kind: Kind, count: number): Promise<string[]> {
  const chips = pane(page, kind).locator(".people li");
  await pane(page, kind).locator(`.people li:nth-child(${count}):last-child`).waitFor();
  return (await chips.allTextContents()).toSorted();
}

describe("the page of the demonstration", () => {
  let browser: Browser;
  let demo: Demo;
  let watched: WatchedPage;
  let page: Page;

  before(async () => {
    browser = await launchBrowser();
  });

  after(() => browser.close());

  beforeEach(async () => {
    demo = await startDemo();
    watched = await openPage(browser, demo.url);
    ({ page } = watched);
    await allInState(page, "open");
  });

  afterEach(async () => {
    await page.context().close();
    destroyOpenClients();
    await stopDemo(demo);
    assert.deepEqual(watched.problems, []);
  });

  for (const kind of kinds) {
    test(`shows in all three panes what is typed in the pane of ${kind}`, async () => {
      await type(page, kind, "hello from here");
      for (const each of kinds) {
        assert.deepEqual(await messagesUpTo(page, each, "hello from here"), ["hello from here"], each);
        const isOwn = (await pane(page, each).locator(".message.own").count()) === 1;
        assert.equal(isOwn, each === kind, `${each} shows it as its own: ${isOwn}`);
      }
    });
  }

  test("shows what each transport does", async () => {
    await type(page, "websocket", "one");
    await logged(page, "websocket", /Upgrade: websocket/);
    await logged(page, "websocket", /101 Switching Protocols/);
    await logged(page, "websocket", /↑text frame · message3 B/);
    await logged(page, "websocket", /↓text frame · message\d+ B/);
    await type(page, "http-streaming", "two");
    await logged(page, "http-streaming", /200 · application\/x-ndjson/);
    await logged(page, "http-streaming", /POST \/messages\d+ B/);
    await logged(page, "http-streaming", /↓204 · after \d+ ms/);
    await logged(page, "http-streaming", /↓chunk · message\d+ B/);
    await type(page, "long-polling", "three");
    await logged(page, "long-polling", /↓200 after [\d.]+ s · message\d+ B/);
    await logged(page, "long-polling", /↑poll 2 · since \d+/);
    assert.match((await pane(page, "websocket").locator(".totals").textContent()) ?? "", /^1 request · ↑ 3 B · ↓ \d/);
  });

  test("shows in every pane who is in the room, how, and how that changes", async () => {
    const alone = await people(page, "websocket", 3);
    assert.deepEqual(new Set(alone.map((person) => person.split(" ").at(-1))), new Set(["ws", "stream", "poll"]));
    for (const kind of kinds) {
      assert.deepEqual(await people(page, kind, 3), alone, kind);
      const { name } = await ownPerson(kind);
      assert.ok(
        alone.some((person) => person.startsWith(name)),
        `${name} is not among ${alone.join(", ")}`,
      );
    }
    const visitor = await StreamMember.open(demo, "Visitor");
    for (const kind of kinds) assert.ok((await people(page, kind, 4)).includes("Visitor stream"), kind);
    visitor.client.destroy();
    for (const kind of kinds) {
      await pane(page, kind).locator(".note", { hasText: "Visitor left (client-close 1001)" }).waitFor();
      assert.deepEqual(await people(page, kind, 3), alone, kind);
    }
  });

  test("lets the server close all three, shows how each sees it, and comes back by itself", async () => {
    await page.getByRole("button", { name: "Close all from the server" }).click();
    const closes: [Kind, said: string, line: RegExp][] = [
      ["websocket", "closed: 4000, the close button", /×close frame · 4000 the close button/],
      ["http-streaming", "closed: the response ended", /×end of the body/],
      ["long-polling", "closed: the poll was answered 204", /×204 · no content/],
    ];
    for (const [kind, said, line] of closes) {
      await pane(page, kind).locator(".talk .close", { hasText: said }).waitFor();
      await logged(page, kind, line);
    }
    await allInState(page, "open");
    for (const kind of kinds) await people(page, kind, 3);
    await type(page, "http-streaming", "back again");
    for (const kind of kinds) assert.deepEqual(await messagesUpTo(page, kind, "back again"), ["back again"], kind);
  });

  test("comes back at once by the button", async () => {
    // The clock of the page stands still: nothing comes back by itself.
    await page.clock.install();
    await page.clock.pauseAt(new Date(Date.now() + 3_600_000));
    await page.getByRole("button", { name: "Close all from the server" }).click();
    await allInState(page, "waiting");
    for (const kind of kinds) {
      await pane(page, kind)
        .getByText(/^closed, back in [12]\.\d s$/)
        .waitFor();
      await pane(page, kind).getByRole("button", { name: "Reconnect now" }).click();
      await inState(page, kind, "open");
    }
  });

  test("shows what was said while all three were closed, once and in order", async () => {
    await page.clock.install();
    await page.clock.pauseAt(new Date(Date.now() + 3_600_000));
    await type(page, "websocket", "before");
    for (const kind of kinds) await messagesUpTo(page, kind, "before");
    await page.getByRole("button", { name: "Close all from the server" }).click();
    await allInState(page, "waiting");
    const visitor = await StreamMember.open(demo, "Visitor");
    const missed = Array.from({ length: 20 }, (_, index) => `missed ${index}`);
    for (const text of missed) await say(demo, "Visitor", "http-streaming", text);
    for (const kind of kinds) await pane(page, kind).getByRole("button", { name: "Reconnect now" }).click();
    await allInState(page, "open");
    await say(demo, "Visitor", "http-streaming", "after");
    for (const kind of kinds) {
      assert.deepEqual(await messagesUpTo(page, kind, "after"), ["before", ...missed, "after"], kind);
    }
    visitor.client.destroy();
  });

  for (const kind of kinds) {
    test(`catches up in the pane of ${kind} with what was said while its user had disconnected`, async () => {
      const others = kinds.filter((each) => each !== kind);
      await pane(page, kind).getByRole("button", { name: "Disconnect" }).click();
      await inState(page, kind, "closed");
      assert.ok(await pane(page, kind).getByRole("button", { name: "Send" }).isDisabled());
      const said = others.map((other) => `from ${other}`);
      for (const [index, other] of others.entries()) {
        await type(page, other, said[index] ?? "");
        for (const each of others) await messagesUpTo(page, each, said[index] ?? "");
      }
      assert.equal(await pane(page, kind).locator(".message").count(), 0);
      await pane(page, kind).getByRole("button", { name: "Connect", exact: true }).click();
      await inState(page, kind, "open");
      await type(page, kind, "and on");
      for (const each of kinds) assert.deepEqual(await messagesUpTo(page, each, "and on"), [...said, "and on"], each);
    });
  }

  test("shows markup as the text that it is", async () => {
    const text = `<img src=x onerror="document.title='gone'"><b>bold</b>`;
    await type(page, "websocket", text);
    for (const kind of kinds) {
      assert.deepEqual(await messagesUpTo(page, kind, text), [text]);
      assert.equal(await pane(page, kind).locator("img, b").count(), 0);
    }
    assert.equal(await page.title(), "channelkit: one room, three transports");
  });

  test("fits a narrow and a wide window, in light and in dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        assert.equal(overflow, 0, `${width} pixels`);
        const boxes = await Promise.all(kinds.map((kind) => pane(page, kind).boundingBox()));
        const [first, second] = boxes;
        assert.ok(boxes.every((box) => box !== null && box.x >= 0 && box.x + box.width <= width && box.height > 400));
        assert.equal(first?.y === second?.y, width === 1280, "side by side where there is room");
      }
      const luminance = colorScheme === "light" ? /^rgb\(2\d\d, / : /^rgb\(\d\d?, /;
      assert.match(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"), luminance);
    }
  });

  async function ownPerson(kind: Kind): Promise<{ name: string }> {
    const placeholder = await pane(page, kind).getByRole("textbox").getAttribute("placeholder");
    return { name: (placeholder ?? "").replace("Write as ", "") };
  }
});

describe("the page of the demonstration, when the server goes and comes back,", () => {
  test("reconnects, and says that something may be missing", async () => {
    const browser = await launchBrowser();
    let demo = await startDemo();
    try {
      const { page, problems } = await openPage(browser, demo.url, { timeoutMs: 20_000 });
      await allInState(page, "open");
      await stopDemo(demo);
      await allInState(page, "waiting");
      demo = await startDemo(demo.port);
      await allInState(page, "open");
      for (const kind of kinds) {
        await pane(page, kind).locator(".close", { hasText: "something may be missing here" }).waitFor();
        await people(page, kind, 3);
      }
      await type(page, "long-polling", "still here");
      for (const kind of kinds) await messagesUpTo(page, kind, "still here");
      // A browser writes to the console when nobody listens; nothing else may stand there.
      assert.deepEqual(
        problems.filter((problem) => !problem.includes("ERR_CONNECTION_REFUSED")),
        [],
      );
    } finally {
      await browser.close();
      await stopDemo(demo);
    }
  });
});
