import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { after, before, describe, test, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launchBrowser, openPage } from "../support/browser.ts";
import { type Example, post, startExample } from "./example.ts";

/** Passes bytes on to an example, and can cut all connections, as a lost network does. */
async function cuttable(context: TestContext, example: Example): Promise<{ url: string; cut(): void }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const target = connect(example.port, "127.0.0.1");
    sockets.add(socket);
    socket.pipe(target).pipe(socket);
    for (const each of [socket, target]) {
      each.on("error", () => undefined); // "close" follows
      each.on("close", () => {
        sockets.delete(socket);
        socket.destroy();
        target.destroy();
      });
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  context.after(() => {
    cut();
    proxy.close();
  });
  const address = proxy.address();
  assert.ok(typeof address === "object" && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, cut };
}

/** Waits for a line of the page's list, and tells all of them. */
async function linesUpTo(page: Page, last: string): Promise<string[]> {
  await page.locator("li").filter({ hasText: last }).first().waitFor();
  return page.locator("li").allTextContents();
}

describe("the pages of the examples in a browser", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test("an EventSource that is cut comes back by itself and misses nothing", async (context) => {
    const example = await startExample(context, "server-sent-events.js");
    const network = await cuttable(context, example);
    const publish = (text: string): Promise<string> =>
      post(example, "/publish", text, { status: 202, headers: { "x-requested-with": "test" } });
    const { page } = await openPage(browser, network.url);
    await linesUpTo(page, "ready");
    await publish("one\nof two lines");
    await linesUpTo(page, "two lines");
    network.cut();
    await publish("missed");
    await publish("missed as well");
    const lines = await linesUpTo(page, "missed as well");
    assert.deepEqual(lines, [
      "ready: ",
      "message: one\nof two lines",
      "ready: ",
      "message: missed",
      "message: missed as well",
    ]);
    await publish("live");
    assert.deepEqual(await linesUpTo(page, "live"), [...lines, "message: live"]);
  });

  test("the page of the echo shows what comes back", async (context) => {
    const example = await startExample(context, "websocket-echo.js");
    const { page } = await openPage(browser, example.url);
    await linesUpTo(page, "open");
    await page.locator("input").fill("häl <b>o</b>");
    await page.locator("button").click();
    assert.deepEqual(await linesUpTo(page, "häl"), ["open", "häl <b>o</b>"]);
  });
});
