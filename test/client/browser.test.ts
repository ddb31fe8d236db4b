import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { ClientChannel, ClientStatus, connect } from "../../src/client.ts";
import { createSessions } from "../../src/index.ts";
import { createFaultProxy, type FaultProxy } from "../../src/testing.ts";
import { setServer } from "../server/set-server.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

/** What the page has. */
type PageGlobals = { connect: typeof connect; channel: ClientChannel; statuses: ClientStatus[]; received: unknown[] };
declare const self: PageGlobals & { dispatchEvent(event: unknown): void };
declare const PageTransitionEvent: new (type: string, options: { persisted: boolean }) => unknown;

const bundle = readFileSync(new URL("../../../dist/client.min.js", import.meta.url));
const html = `<!doctype html><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,"><script type="module">
import { connect } from "/client.js";
globalThis.connect = connect;
</script>`;

/** A page with the client as it is published, whose sessions answer each message with the same. */
async function setPage(t: TestContext, browser: Browser): Promise<{ page: Page; proxy: FaultProxy }> {
  const sessions = createSessions();
  const { port } = await setServer(t, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/live") return sessions.accept(request, (channel) => channel.onReceive((m) => channel.send(m)));
    if (pathname !== "/client.js") return new Response(html, { headers: { "content-type": "text/html" } });
    return new Response(bundle, { headers: { "content-type": "text/javascript" } });
  });
  const proxy = await createFaultProxy({ target: { port } });
  t.after(() => proxy.close());
  const { page } = await openPage(browser, proxy.url);
  t.after(() => page.context().close());
  await page.waitForFunction(() => typeof self.connect === "function");
  return { page, proxy };
}

/** Dials from the page, and notes what it is told. */
async function dial(page: Page, options: object): Promise<void> {
  await page.evaluate((given) => {
    self.statuses = [];
    self.received = [];
    self.channel = self.connect("/live", given);
    self.channel.onStatus((status) => self.statuses.push(status));
    self.channel.onReceive((message) => self.received.push(message));
  }, options);
}

const opened = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction((n) => self.statuses.filter(({ state }) => state === "open").length >= n, count);

describe("the client in Chromium", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  for (const kind of ["websocket", "http-streaming", "long-polling"] as const) {
    it(`sends and receives text and bytes, empty and large, over ${kind}`, async (t) => {
      const { page } = await setPage(t, browser);
      await dial(page, { transports: [kind], maxQueuedBytes: 8 * 1024 * 1024 });
      await page.evaluate(() => {
        const { channel } = self;
        channel.send("é");
        channel.send("");
        channel.send(new Uint8Array(0));
        channel.send(Uint8Array.of(0, 255));
        channel.send("x".repeat(1_000_000));
        channel.send("last");
      });
      await page.waitForFunction(() => self.received.length === 6);
      const seen = await page.evaluate(() =>
        self.received.map((message) => {
          if (typeof message !== "string") return Array.from(message as Uint8Array);
          return message.length > 10 ? message.length : message;
        }),
      );
      assert.deepEqual(seen, ["é", "", [], [0, 255], 1_000_000, "last"]);
      assert.equal(await page.evaluate(() => self.channel.kind), kind);
      await page.evaluate(() => self.channel.close());
    });
  }

  it("falls back from a WebSocket that is swallowed, and moves up again", async (t) => {
    const { page, proxy } = await setPage(t, browser);
    proxy.set({ type: "swallow-upgrade" });
    await dial(page, { climbDelayMs: 200, attachTimeoutMs: 2000 });
    await opened(page, 1);
    assert.equal(await page.evaluate(() => self.channel.kind), "http-streaming");
    proxy.clear();
    await page.waitForFunction(() => self.channel.kind === "websocket");
    assert.ok(await page.evaluate(() => self.statuses.every(({ state }) => state !== "waiting")));
  });

  it("lets go when the page is kept for later, and resumes when it is shown again", async (t) => {
    const { page } = await setPage(t, browser);
    await dial(page, {});
    await opened(page, 1);
    await page.evaluate(() => {
      self.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      self.channel.send("while hidden");
    });
    assert.equal(await page.evaluate(() => self.channel.explain().at(-1)?.event), "left");
    await page.evaluate(() => self.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    await opened(page, 2);
    await page.waitForFunction(() => self.received.length === 1);
    const last = await page.evaluate(() => self.statuses.at(-1));
    assert.ok(last?.state === "open" && last.resumed);
  });

  it("dials at once when the network is back", async (t) => {
    const { page, proxy } = await setPage(t, browser);
    const waitMs = 2 ** 30;
    await dial(page, { reconnectDelayMs: waitMs, maxReconnectDelayMs: waitMs, transports: ["http-streaming"] });
    await opened(page, 1);
    proxy.set({ type: "refuse" });
    proxy.cut();
    await page.waitForFunction(() => self.statuses.at(-1)?.state === "waiting");
    await page.context().setOffline(true);
    proxy.clear();
    await page.context().setOffline(false);
    await opened(page, 2);
  });
});
