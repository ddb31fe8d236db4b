import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { build } from "esbuild";
import { type createClient, GRAPHQL_TRANSPORT_WS_PROTOCOL } from "graphql-ws";
import type { Browser, Page } from "playwright-core";
import type { webSocketOf } from "../../src/websocket.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { serveGraphql } from "./graphql-server.ts";
import { type Network, networks, setSite, type Site } from "./site.ts";

guardAgainstUnhandled();

/** What the page has. */
declare const self: {
  createClient: typeof createClient;
  webSocketOf: typeof webSocketOf;
  subscribe: (query: string) => unknown;
  results: unknown[];
};

const html = `<!doctype html><meta charset="utf-8"><title>drop-in</title><link rel="icon" href="data:,">
<script type="module" src="/page.js"></script>`;

/** A page as users build theirs: the bundler takes the library, and what this package has for browsers. */
async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createClient } from "graphql-ws/client";
        import { webSocketOf } from "channelkit/websocket";
        Object.assign(globalThis, { createClient, webSocketOf });`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

type Set = { readonly page: Page; readonly site: Site; readonly uncaught: () => readonly string[] };

describe("the WebSocket for libraries in Chromium", () => {
  let browser: Browser;
  let script: string;
  before(async () => {
    script = await bundlePage();
    browser = await launchBrowser();
  });
  after(() => browser.close());

  async function setPage(t: TestContext, faults: Network["faults"]): Promise<Set> {
    const pages = (request: Request): Response =>
      new URL(request.url).pathname === "/page.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response(html, { headers: { "content-type": "text/html" } });
    const site = await setSite(t, serveGraphql, { faults, pages, protocols: [GRAPHQL_TRANSPORT_WS_PROTOCOL] });
    const { page, problems } = await openPage(browser, site.proxy.url);
    t.after(() => page.context().close());
    await page.waitForFunction(() => typeof self.webSocketOf === "function");
    // Chromium itself complains on the console of each request that fails.
    return { page, site, uncaught: () => problems.filter((each) => each.startsWith("uncaught")) };
  }

  for (const { kind, faults, client } of networks) {
    it(`carries graphql-ws over ${kind}, and over a connection that is cut`, async (t) => {
      const { page, site, uncaught } = await setPage(t, faults);
      await page.evaluate((options) => {
        self.results = [];
        const graphql = self.createClient({
          url: "/graphql",
          webSocketImpl: self.webSocketOf(options),
          lazy: false,
          retryAttempts: 0,
        });
        const next = (result: unknown): unknown => self.results.push(result);
        const error = (reason: unknown): unknown => self.results.push(String(reason));
        const complete = (): unknown => self.results.push("complete");
        self.subscribe = (query) => graphql.subscribe({ query }, { next, error, complete });
        self.subscribe("subscription { countTo(limit: 3) }");
      }, client);
      await page.waitForFunction(() => self.results.length === 4);
      site.proxy.cut();
      await page.evaluate(() => void self.subscribe("{ hello }"));
      await page.waitForFunction(() => self.results.length === 6);
      assert.deepEqual(await page.evaluate(() => self.results), [
        ...[1, 2, 3].map((countTo) => ({ data: { countTo } })),
        "complete",
        { data: { hello: "world" } },
        "complete",
      ]);
      assert.deepEqual(site.kinds(), [kind]);
      assert.deepEqual(uncaught(), []);
    });
  }

  it("stands in the place of the page's own, with the same events", async (t) => {
    const { page } = await setPage(t, []);
    const told = await page.evaluate(async () => {
      const own = WebSocket;
      globalThis.WebSocket = self.webSocketOf();
      const socket = new WebSocket("/graphql", "graphql-transport-ws");
      const said: unknown[] = [socket instanceof own, socket.url.startsWith("ws://127.0.0.1")];
      socket.addEventListener("message", (event) => said.push(event instanceof MessageEvent, event.data));
      socket.addEventListener("open", () => {
        said.push(socket.protocol);
        socket.send('{"type":"ping"}');
      });
      await new Promise((resolve) => socket.addEventListener("message", resolve));
      socket.close();
      await new Promise((resolve) => {
        socket.addEventListener("close", (event) => {
          said.push(event.constructor.name, event.code, event.wasClean);
          resolve(undefined);
        });
      });
      return said;
    });
    assert.deepEqual(told, [false, true, "graphql-transport-ws", true, '{"type":"pong"}', "CloseEvent", 1005, true]);
  });
});
