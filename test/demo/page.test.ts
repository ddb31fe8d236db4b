import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { ChannelKind } from "../../src/index.ts";
import { launchBrowser, openPage, type WatchedPage } from "../support/browser.ts";
import { eventually } from "../support/expect.ts";
import { findFreePort } from "../support/free-port.ts";
import { type Demo, startDemo, stopDemo } from "./demo.ts";

const title = "channelkit: break the network, lose nothing";
const counted = ["sent", "arrived", "lost", "doubled"] as const;

type Row = Record<(typeof counted)[number], number>;

/** A page of the demonstration, as its visitor sees and uses it. */
class Visitor {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Waits until the page says that this transport carries the channel. */
  async carriedBy(kind: ChannelKind): Promise<void> {
    await this.page.locator(`.carrier[data-state="open"] [data-kind="${kind}"][aria-current="true"]`).waitFor();
  }

  async say(text: string): Promise<void> {
    await this.page.getByRole("textbox", { name: "Message" }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** All that was said, once so much was. */
  async said(count: number): Promise<string[]> {
    await this.page.locator(`.said li:nth-child(${count})`).waitFor();
    return this.page.locator(".said .text").allTextContents();
  }

  async turn(name: RegExp, isOn: boolean): Promise<void> {
    const button = this.page.getByRole("switch", { name });
    await button.click();
    await this.page.getByRole("switch", { name, checked: isOn }).waitFor();
  }

  /** All of it at one moment. */
  async row(way: "up" | "down"): Promise<Row> {
    const cells = await this.page.locator(`[data-way="${way}"] [data-count]`).allTextContents();
    return Object.fromEntries(counted.map((name, index) => [name, Number(cells[index])])) as Row;
  }

  /** Waits until more has arrived than has until now, so that what was sent meanwhile has arrived or is lost. */
  async caughtUp(): Promise<void> {
    const { sent } = await this.row("up");
    // From here: what looks again within the page is code from a string, which the page's policy forbids.
    const look = async (): Promise<void> => assert.ok((await this.row("up")).arrived >= sent);
    await eventually(look, { timeoutMs: 10_000 });
  }

  async hasLostNothing(): Promise<void> {
    await this.caughtUp();
    for (const way of ["up", "down"] as const) {
      const { sent, arrived, lost, doubled } = await this.row(way);
      assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 }, way);
      assert.ok(arrived > 0);
      // What the page has sent since is on its way; of the server it knows only what has come.
      if (way === "down") assert.equal(sent, arrived);
    }
  }

  /** The lines of the timeline, as `transport event cause`. */
  async timeline(): Promise<string[]> {
    const lines = await this.page.locator(".timeline li").all();
    return Promise.all(lines.map(async (line) => (await line.locator("span").allTextContents()).join(" ").trim()));
  }
}

describe("the page of the demonstration", () => {
  let browser: Browser;
  let demo: Demo;
  let watched: WatchedPage;
  let visitor: Visitor;

  before(async () => {
    browser = await launchBrowser();
  });

  after(() => browser.close());

  beforeEach(async () => {
    demo = await startDemo(await findFreePort());
    watched = await openPage(browser, demo.url, { timeoutMs: 20_000 });
    visitor = new Visitor(watched.page);
    await visitor.carriedBy("websocket");
  });

  afterEach(async () => {
    await watched.page.context().close();
    await stopDemo(demo);
    // A browser writes to the console what becomes of connections, also that something was sent before it said that one
    // had ended; nothing else may stand there.
    assert.deepEqual(
      watched.problems.filter(
        (problem) => !/WebSocket (?:connection|is already)|Failed to load resource/.test(problem),
      ),
      [],
    );
  });

  async function openTab(): Promise<Visitor> {
    const page = await watched.page.context().newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(demo.url);
    const tab = new Visitor(page);
    await tab.carriedBy("websocket");
    return tab;
  }

  test("goes over a stream while WebSocket is blocked, over polls while streams are buffered, and up again", async () => {
    const other = await openTab();
    const visitors = [visitor, other];
    // A page that is slow to begin may have fallen back, and moves up.
    for (const each of visitors) await each.carriedBy("websocket");
    await visitor.turn(/Block WebSocket/, true);
    for (const each of visitors) await each.carriedBy("http-streaming");
    await visitor.say("over a stream");
    await other.turn(/Buffer streams/, true);
    for (const each of visitors) await each.carriedBy("long-polling");
    await other.say("over polls");
    await visitor.turn(/Buffer streams/, false);
    for (const each of visitors) await each.carriedBy("http-streaming");
    await other.turn(/Block WebSocket/, false);
    for (const each of visitors) await each.carriedBy("websocket");
    await visitor.say("over a WebSocket");
    for (const each of visitors) {
      assert.deepEqual(await each.said(3), ["over a stream", "over polls", "over a WebSocket"]);
      await each.hasLostNothing();
    }
    const timeline = await visitor.timeline();
    const carriers = timeline.filter((line) => line.endsWith(" carries"));
    assert.equal(carriers.at(-1), "WebSocket carries");
    for (const line of ["HTTP stream carries", "long polling carries"]) assert.ok(carriers.includes(line), line);
    assert.ok(timeline.some((line) => line.startsWith("WebSocket left 1006")));
  });

  test("loses nothing while the network is cut for ten seconds", { timeout: 60_000 }, async () => {
    const other = await openTab();
    await visitor.say("before");
    await visitor.page.getByRole("button", { name: /Cut it/ }).click();
    const beganAtMs = performance.now();
    await visitor.page.locator('.carrier[data-state="waiting"]').waitFor();
    await visitor.say("meanwhile");
    await other.say("here too");
    for (const each of [visitor, other]) {
      assert.deepEqual((await each.said(3)).toSorted(), ["before", "here too", "meanwhile"]);
      await each.carriedBy("websocket");
    }
    assert.ok(performance.now() - beganAtMs > 9000);
    // Twice a second a pulse was sent all the same.
    assert.ok((await visitor.row("up")).sent > 10);
    for (const each of [visitor, other]) await each.hasLostNothing();
    assert.ok(await visitor.page.getByRole("button", { name: /Cut it/ }).isDisabled());
  });

  test("shows who is here, and over what", async () => {
    const other = await openTab();
    for (const { page } of [visitor, other]) await page.locator(".people li:nth-child(2)").waitFor();
    await visitor.turn(/Block WebSocket/, true);
    const chips = visitor.page.locator('.people [data-kind="http-streaming"]');
    await chips.nth(1).waitFor();
    await other.page.close({ runBeforeUnload: false });
    await other.page.context().pages()[0]?.locator(".people li:only-child").waitFor();
  });

  test("shows markup as the text that it is", async () => {
    const text = `<img src=x onerror="document.title='gone'"><b>bold</b>`;
    await visitor.say(text);
    assert.deepEqual(await visitor.said(1), [text]);
    assert.equal(await visitor.page.locator(".said :is(img, b)").count(), 0);
    assert.equal(await visitor.page.title(), title);
  });

  test("is used by the keyboard alone", async () => {
    const { page } = visitor;
    const focused = (): Promise<string> => page.evaluate<string>("document.activeElement.textContent.trim()");
    await page.keyboard.press("Tab");
    assert.match(await focused(), /^Block WebSocket/);
    await page.keyboard.press("Space");
    await page.getByRole("switch", { name: /Block WebSocket/, checked: true }).waitFor();
    await visitor.carriedBy("http-streaming");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    assert.match(await focused(), /^Cut it/);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.type("typed");
    await page.keyboard.press("Enter");
    assert.deepEqual(await visitor.said(1), ["typed"]);
  });

  test("fits a narrow and a wide window, and can be read in light and in dark", async () => {
    const { page } = visitor;
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        assert.equal(overflow, 0, `${width} pixels`);
        const boxes = await Promise.all((await page.locator(".card").all()).map((card) => card.boundingBox()));
        assert.equal(boxes.length, 5);
        assert.ok(boxes.every((box) => box !== null && box.x >= 0 && box.x + box.width <= width));
        const isBeside = boxes[0]?.y === boxes[3]?.y;
        assert.equal(isBeside, width === 1280, "the conversation stands beside the rest where there is room");
      }
      const luminance = colorScheme === "light" ? /^rgb\(2\d\d, / : /^rgb\(\d\d?, /;
      assert.match(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"), luminance);
    }
  });

  test("comes back when the server was started again, says so, and counts anew", async () => {
    await visitor.caughtUp();
    await stopDemo(demo);
    await visitor.page.locator('.carrier[data-state="waiting"]').waitFor();
    demo = await startDemo(demo.port);
    // Over whatever transport is first: it says so until it moves up.
    await visitor.page.locator(".carrier .status", { hasText: /begun anew \(expired\)/ }).waitFor();
    await visitor.carriedBy("websocket");
    await visitor.say("still here");
    assert.deepEqual(await visitor.said(1), ["still here"]);
    await visitor.hasLostNothing();
  });
});
