import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { ClientChannel, connect } from "../../src/client.ts";
import { createSessions, withChannel } from "../../src/index.ts";
import { setServer } from "../server/set-server.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";

guardAgainstUnhandled();

/** What the page has. */
declare const self: { connect: typeof connect; channel: ClientChannel; received: unknown[] };

const bundle = readFileSync(new URL("../../../dist/client.min.js", import.meta.url));
const html = `<!doctype html><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,"><script type="module">
import { connect } from "/client.js";
globalThis.connect = connect;
</script>`;

type Site = { readonly page: Page; readonly url: string; readonly asked: readonly string[] };

/** A page on one port, and sessions on another: each is a foreign origin to the other. */
async function setSites(t: TestContext, browser: Browser, isAllowed: boolean): Promise<Site> {
  const pages = await setServer(t, (request) => {
    if (new URL(request.url).pathname === "/client.js")
      return new Response(bundle, { headers: { "content-type": "text/javascript" } });
    return new Response(html, { headers: { "content-type": "text/html" } });
  });
  const origin = `http://127.0.0.1:${pages.port}`;
  const asked: string[] = [];
  const sessions = createSessions<string>({
    authorize: (request) => {
      asked.push(`${request.headers.get("cookie")} ${request.headers.get("authorization")}`);
      return "ada";
    },
  });
  const { port } = await setServer(
    t,
    (request) => {
      if (sessions.accepts(request))
        return sessions.accept(request, (channel) => channel.onReceive((message) => channel.send(message)));
      const headers = request.url.endsWith("/shared") ? { "Access-Control-Allow-Origin": origin } : {};
      return withChannel(request, (channel) => void channel.send({ headers, body: "plain" }));
    },
    isAllowed ? { allowedOrigins: [origin] } : {},
  );
  const { page } = await openPage(browser, origin);
  t.after(() => page.context().close());
  await page.waitForFunction(() => typeof self.connect === "function");
  return { page, url: `http://127.0.0.1:${port}`, asked };
}

async function dial(page: Page, url: string, transport: string): Promise<void> {
  await page.evaluate(
    ([to, kind]) => {
      self.received = [];
      const options = { transports: [kind], token: () => "secret", credentials: "include", maxAttempts: 1 };
      self.channel = self.connect(to, options as Parameters<typeof connect>[1]);
      self.channel.onReceive((message) => self.received.push(message));
      self.channel.onClose((status, { code }) => self.received.push(`${status} ${code}`));
      self.channel.send("from another origin");
      self.channel.send(new Uint8Array([0, 255]));
    },
    [url, transport] as const,
  );
}

describe("a page of another origin, in Chromium", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  for (const kind of ["websocket", "http-streaming", "long-polling"]) {
    it(`has sessions over ${kind} where it is allowed, with its cookies and its token`, async (t) => {
      const { page, url, asked } = await setSites(t, browser, true);
      await page.context().addCookies([{ name: "who", value: "ada", url }]);
      await dial(page, url, kind);
      await page.waitForFunction(() => self.received.length === 2);
      assert.deepEqual(
        await page.evaluate(() =>
          self.received.map((each) => (typeof each === "string" ? each : Array.from(each as Uint8Array))),
        ),
        ["from another origin", [0, 255]],
      );
      assert.equal(await page.evaluate(() => self.channel.kind), kind);
      assert.deepEqual(asked, ["who=ada Bearer secret"]);
      await page.evaluate(() => self.channel.close());
    });

    it(`has none over ${kind} where it is not`, async (t) => {
      const { page, url, asked } = await setSites(t, browser, false);
      await dial(page, url, kind);
      await page.waitForFunction(() => self.received.length > 0);
      assert.deepEqual(await page.evaluate(() => self.received), ["abnormal 1006"]);
      assert.deepEqual(asked, []);
    });
  }

  it("reads a plain channel only if the application says so, whatever origins are allowed", async (t) => {
    const { page, url } = await setSites(t, browser, true);
    const read = (path: string): Promise<string> =>
      page.evaluate(
        (to) =>
          fetch(to).then(
            (response) => response.text(),
            () => "not to be read",
          ),
        `${url}${path}`,
      );
    assert.equal(await read("/shared"), "plain");
    assert.equal(await read("/"), "not to be read");
  });
});
