import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { SessionChannel } from "../../src/index.ts";
import { launchOrdinaryBrowser, type OrdinaryBrowser } from "../support/browser.ts";
import { hasProxy } from "../support/reverse-proxy.ts";
import { guardAgainstUnhandled } from "../support/unhandled.ts";
import { scenarios } from "./browser-scenarios.ts";
import { paths, Stage, type Tab } from "./browser-stage.ts";

guardAgainstUnhandled();

/** What the tabs try, and how many of them may hold a response for long. */
const crowds = [
  ["over three streams and polls", {}, 3],
  ["over polls", { transports: ["long-polling"] }, 0],
] as const;

describe("the client in Chromium", () => {
  let browser: OrdinaryBrowser;
  before(async () => {
    browser = await launchOrdinaryBrowser();
  });
  after(() => browser.close());

  describe("in ten tabs, none of which gets a WebSocket,", () => {
    let stage: Stage;
    before(async () => {
      stage = await Stage.build({ name: "", kind: "http-streaming" }, browser.profile);
    });
    after(() => stage.stop());

    for (const [what, options, most] of crowds) {
      it(`brings each its messages in time, ${what}`, async (t) => {
        await stage.set(t);
        stage.network.set({ type: "refuse-upgrade" });
        const tabs: Tab[] = [];
        for (let count = 1; count <= 10; count += 1) {
          const tab = await stage.openTab();
          t.after(() => tab.page.close());
          tabs.push(tab);
          await tab.dial(options);
          await tab.opened();
        }
        const kinds = await Promise.all(tabs.map((tab) => tab.kind()));
        assert.equal(kinds.filter((kind) => kind === "http-streaming").length, most);
        for (let round = 1; round <= 3; round += 1) {
          const beganAtMs = performance.now();
          for (const { args } of stage.log.of("open")) (args[0] as SessionChannel<string>).send(`down ${round}`);
          await Promise.all(tabs.map((tab) => tab.send([`up ${round}`])));
          const received = await Promise.all(tabs.map((tab) => tab.received(2 * round)));
          assert.ok(received.every((messages) => messages.length === 2 * round));
          assert.ok(performance.now() - beganAtMs < 5000);
        }
        // Some close, and those that are left have room again.
        for (const tab of tabs.slice(3)) await tab.page.close();
        await Promise.all(tabs.slice(0, 3).map((tab) => tab.send(["alone"])));
        await Promise.all(tabs.slice(0, 3).map((tab) => tab.received(7)));
        // One that dials again does not stand in its own way.
        await tabs[0]?.networkChanged();
        await tabs[0]?.opened(2);
        assert.equal(await tabs[0]?.kind(), kinds[0]);
      });
    }
  });

  it("dials at once when the network is back", async (t) => {
    const stage = await Stage.build({ name: "", kind: "http-streaming" }, browser.profile);
    t.after(() => stage.stop());
    await stage.set(t);
    const { tab, network, profile } = stage;
    const waitMs = 2 ** 30;
    await tab.dial({ reconnectDelayMs: waitMs, maxReconnectDelayMs: waitMs, transports: ["http-streaming"] });
    await tab.opened();
    network.set({ type: "refuse" });
    network.cut();
    await tab.inState("waiting");
    await profile.setOffline(true);
    network.clear();
    await profile.setOffline(false);
    await tab.opened(2);
  });

  for (const path of paths) {
    const skip = path.proxy !== undefined && !hasProxy(path.proxy.name) && `there is no ${path.proxy.name} here`;
    describe(`${path.name}, over ${path.kind}${skip === false ? "" : `: skipped, ${skip}`},`, { skip }, () => {
      let stage: Stage;
      before(async () => {
        stage = await Stage.build(path, browser.profile);
      });
      after(() => stage.stop());

      for (const { title, run } of scenarios) {
        it(title, async (t) => {
          await stage.set(t);
          await run(stage);
        });
      }
    });
  }
});
