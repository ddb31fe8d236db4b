import assert from "node:assert/strict";
import type { ClientChannel } from "../../src/client.ts";
import type { Stage } from "./browser-stage.ts";

/** What the page has of its channel. */
declare const self: {
  channel: ClientChannel;
  ended: unknown;
  shown: boolean[];
  froze: number;
  received: { readonly atMs: number }[];
};

/** What a client has to do, on whatever transport is left to it. */
export type Scenario = { readonly title: string; readonly run: (stage: Stage) => Promise<void> };

const numbered = (name: string, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${name} ${first + index}`);

const soon = { reconnectDelayMs: 50, maxReconnectDelayMs: 100 };

export const scenarios: readonly Scenario[] = [
  {
    title: "sends and receives text and bytes, empty and large, over it and over nothing better",
    async run({ tab, path }) {
      await tab.dial({ maxQueuedBytes: 8 * 1024 * 1024 });
      await tab.page.evaluate(() => {
        const { channel } = self;
        const large = "x".repeat(1_000_000);
        for (const message of ["é", "", new Uint8Array(0), Uint8Array.of(0, 255), large, "last"]) channel.send(message);
      });
      assert.deepEqual(await tab.received(6), ["é", "", [], [0, 255], 1_000_000, "last"]);
      assert.equal(await tab.kind(), path.kind);
    },
  },
  {
    title: "tells what it does, and why",
    async run({ tab, path }) {
      await tab.dial();
      await tab.opened();
      const statuses = await tab.statuses();
      assert.deepEqual(statuses[0], { state: "connecting", kind: "websocket", attempt: 1 });
      const last = statuses.at(-1);
      assert.ok(last?.state === "open" && last.kind === path.kind && !last.resumed && last.uncertain === 0);
      const timeline = await tab.explain();
      assert.deepEqual(
        timeline.filter(({ event }) => event === "carries").map(({ kind }) => kind),
        [path.kind],
      );
      const left = timeline.find(({ kind, event }) => kind === "websocket" && event === "left");
      assert.equal(left?.cause, path.kind === "websocket" ? undefined : "1006 no response");
    },
  },
  {
    title: "delivers what was sent before it was open, in order",
    async run(stage) {
      await stage.tab.dial({}, undefined, numbered("early", 1, 200));
      assert.deepEqual(await stage.tab.received(200), numbered("early", 1, 200));
      assert.deepEqual(await stage.heard("early", 200), numbered("early", 1, 200));
    },
  },
  {
    title: "resumes when all connections are cut in the middle of both directions",
    async run(stage) {
      const { tab, network } = stage;
      await tab.dial(soon);
      const channel = await stage.channel();
      await tab.opened();
      for (const [first, last] of [
        [1, 50],
        [51, 100],
        [101, 150],
      ] as const) {
        for (const message of numbered("down", first, last)) channel.send(message);
        await tab.send(numbered("up", first, last));
        network.cut();
      }
      // What the page has sent comes back.
      const texts = (await tab.received(300)).map(String);
      assert.deepEqual(
        texts.filter((text) => text.startsWith("down")),
        numbered("down", 1, 150),
      );
      assert.deepEqual(
        texts.filter((text) => text.startsWith("up")),
        numbered("up", 1, 150),
      );
      assert.deepEqual(await stage.heard("up", 150), numbered("up", 1, 150));
      const again = (await tab.statuses()).filter(({ state }) => state === "open").slice(1);
      assert.ok(again.every((status) => status.state === "open" && status.resumed));
    },
  },
  {
    title: "keeps what either side sends while there is no network",
    async run(stage) {
      const { tab, network } = stage;
      await tab.dial(soon);
      const channel = await stage.channel();
      await tab.opened();
      network.set({ type: "refuse" });
      network.cut();
      await tab.inState("waiting");
      await tab.send(numbered("up", 1, 100));
      for (const message of numbered("down", 1, 100)) channel.send(message);
      network.clear();
      const texts = (await tab.received(200)).map(String);
      assert.deepEqual(
        texts.filter((text) => text.startsWith("down")),
        numbered("down", 1, 100),
      );
      assert.deepEqual(
        texts.filter((text) => text.startsWith("up")),
        numbered("up", 1, 100),
      );
      const last = (await tab.statuses()).at(-1);
      assert.ok(last?.state === "open" && last.resumed);
    },
  },
  {
    title: "moves up from polls as soon as something better works, and loses nothing",
    async run(stage) {
      const { tab, network, path } = stage;
      network.set([{ type: "swallow-upgrade" }, { type: "hold-response", on: "stream" }]);
      await tab.dial({ climbDelayMs: 100, fallbackDelayMs: 250, attachTimeoutMs: 2000 });
      const channel = await stage.channel();
      await tab.carriedBy("long-polling");
      for (const message of numbered("down", 1, 50)) channel.send(message);
      network.clear();
      for (const message of numbered("down", 51, 100)) channel.send(message);
      if (path.kind !== "long-polling") await tab.carriedBy(path.kind);
      await tab.send(["up"]);
      for (const message of numbered("down", 101, 150)) channel.send(message);
      const texts = (await tab.received(151)).map(String);
      assert.deepEqual(
        texts.filter((text) => text.startsWith("down")),
        numbered("down", 1, 150),
      );
      assert.equal(await tab.kind(), path.kind);
    },
  },
  {
    title: "is closed by the page, behind what it has sent",
    async run(stage) {
      await stage.tab.dial({}, undefined, ["last words"]);
      await stage.tab.received(1);
      await stage.tab.page.evaluate(() => self.channel.close(4600, "enough"));
      const { args } = await stage.log.waitFor("close", { timeoutMs: 10_000 });
      assert.deepEqual(args[1], { code: 4600, reason: "enough", wasClean: true });
      assert.deepEqual(await stage.tab.page.evaluate(() => self.ended), ["client-close", args[1]]);
    },
  },
  {
    title: "is closed by the server, behind what that has sent",
    async run(stage) {
      await stage.tab.dial();
      const channel = await stage.channel();
      channel.send("last words");
      channel.close(4600, "room closed");
      await stage.tab.inState("closed");
      assert.deepEqual(await stage.tab.received(1), ["last words"]);
      const end = ["server-close", { code: 4600, reason: "room closed", wasClean: true }];
      assert.deepEqual(await stage.tab.page.evaluate(() => self.ended), end);
    },
  },
  {
    title: "is told that it may have no session, and does not come back",
    async run(stage) {
      await stage.tab.dial({}, "stranger");
      await stage.tab.inState("closed");
      assert.deepEqual((await stage.tab.statuses()).at(-1), { state: "closed", code: 4501, reason: "denied" });
      assert.deepEqual(stage.log.entries, []);
    },
  },
  {
    title: "gets what came while its tab was frozen, once it is thawed",
    run: (stage) => freeze(stage, () => undefined),
  },
  {
    title: "gets what came while its tab was frozen and its connections were lost, once it is thawed",
    run: (stage) => freeze(stage, () => stage.network.cut()),
  },
  {
    title: "lets go when its page is kept for the way back, and resumes when it is shown again",
    async run(stage) {
      const { tab } = stage;
      await tab.dial();
      const channel = await stage.channel();
      await tab.opened();
      await tab.page.goto(`${stage.network.url}/elsewhere`);
      for (const message of numbered("down", 1, 50)) channel.send(message);
      // The page is not loaded again, so that there is no load to wait for.
      await tab.page.goBack({ waitUntil: "commit" });
      assert.deepEqual(await tab.received(50), numbered("down", 1, 50));
      assert.deepEqual(await tab.page.evaluate(() => self.shown), [false, true]);
      const last = (await tab.statuses()).at(-1);
      assert.ok(last?.state === "open" && last.resumed);
    },
  },
];

async function freeze(stage: Stage, meanwhile: () => void): Promise<void> {
  const { tab } = stage;
  await tab.dial(soon);
  const channel = await stage.channel();
  await tab.opened();
  const devtools = await stage.devtools();
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  for (const message of numbered("down", 1, 50)) channel.send(message);
  meanwhile();
  for (const message of numbered("down", 51, 100)) channel.send(message);
  const thawedAtMs = Date.now();
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  await devtools.detach();
  await tab.page.bringToFront();
  assert.deepEqual(await tab.received(100), numbered("down", 1, 100));
  assert.equal(await tab.page.evaluate(() => self.froze), 1);
  assert.ok(await tab.page.evaluate((atMs) => self.received.every((each) => each.atMs >= atMs), thawedAtMs));
}
