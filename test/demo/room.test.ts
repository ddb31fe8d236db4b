import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ChannelKind } from "../../src/index.ts";
import { eventually } from "../support/expect.ts";
import { type Demo, Member, startDemo, stopDemo } from "./demo.ts";

const kinds: readonly ChannelKind[] = ["websocket", "http-streaming", "long-polling"];

/** Where a machine is busy it takes more than one attempt. */
const carriedBy = ({ channel }: Member, kind: ChannelKind): Promise<void> =>
  eventually(() => assert.equal(channel.kind, kind), { timeoutMs: 10_000 });

describe("the room of the demonstration", () => {
  let demo: Demo;
  let members: Member[];

  beforeEach(async () => {
    members = [];
    demo = await startDemo();
  });

  afterEach(async () => {
    for (const { channel } of members) channel.close();
    await stopDemo(demo);
  });

  async function enter(
    ...parameters: [name: string, options?: ConstructorParameters<typeof Member>[2]]
  ): Promise<Member> {
    const member = await Member.enter(demo, ...parameters);
    members.push(member);
    return member;
  }

  test("carries one conversation over a WebSocket, a stream and polls", async () => {
    for (const kind of kinds) await enter(kind, { transports: [kind] });
    for (const member of members) member.send({ type: "say", text: "hello" });
    for (const member of members) {
      await member.heard(3);
      const from = member.log.of("said").map(({ args }) => (args[0] as { event: { from: unknown } }).event.from);
      assert.deepEqual(new Set(from), new Set(kinds.map((kind) => ({ name: kind, kind }))));
    }
  });

  test("tells who is here and over what, and who has left", async () => {
    const ada = await enter("Ada", { transports: ["websocket"] });
    const bob = await enter("Bob", { transports: ["long-polling"] });
    const people = [
      { name: "Ada", kind: "websocket" },
      { name: "Bob", kind: "long-polling" },
    ];
    assert.deepEqual((await ada.next("people", 2)).event, { type: "people", people });
    bob.channel.close();
    assert.deepEqual((await ada.next("people", 3)).event, { type: "people", people: people.slice(0, 1) });
  });

  test("counts what is left out as lost, and what comes again as doubled", async () => {
    const ada = await enter("Ada");
    for (const number of [1, 2, 5, 5]) ada.send({ type: "pulse" }, number);
    assert.deepEqual((await ada.next("pulse", 2)).got, { first: 1, arrived: 2, lost: 0, doubled: 0 });
    assert.deepEqual((await ada.next("pulse", 4)).got, { first: 1, arrived: 4, lost: 2, doubled: 1 });
  });

  test("has one network for all, which is whole again when nobody is left", async () => {
    const ada = await enter("Ada", { climbDelayMs: 200, downgradeMs: 400 });
    const bob = await enter("Bob", { climbDelayMs: 200, downgradeMs: 400 });
    bob.send({ type: "switch", name: "blocksWebSocket", isOn: true });
    for (const member of [ada, bob]) {
      const { event } = await member.next("network", 2);
      assert.ok(event.type === "network" && event.by === "Bob" && event.state.blocksWebSocket);
      await carriedBy(member, "http-streaming");
    }
    bob.send({ type: "switch", name: "buffersStreams", isOn: true });
    for (const member of [ada, bob]) {
      await member.next("network", 3);
      await carriedBy(member, "long-polling");
    }
    ada.channel.close();
    bob.channel.close();
    const cleo = await enter("Cleo", { transports: ["websocket"] });
    const { event } = await cleo.next("network");
    assert.ok(event.type === "network" && !event.state.blocksWebSocket && !event.state.buffersStreams);
  });

  test(
    "cuts the network for ten seconds, which loses nothing, and not again at once",
    { timeout: 30_000 },
    async () => {
      for (const kind of kinds) await enter(kind, { transports: [kind] });
      const [first] = members;
      assert.ok(first !== undefined);
      const beganAtMs = performance.now();
      first.send({ type: "cut" });
      for (const { log } of members) await log.waitFor("waiting", { timeoutMs: 5000 });
      for (const member of members) {
        for (let count = 1; count <= 20; count += 1)
          member.send({ type: "say", text: `${member.channel.kind} ${count}` });
      }
      for (const member of members) {
        const heard = await member.heard(60, 20_000);
        assert.equal(new Set(heard).size, 60);
        member.send({ type: "pulse" });
        const { got } = await member.next("pulse");
        assert.deepEqual([got.lost, got.doubled], [0, 0]);
      }
      assert.ok(performance.now() - beganAtMs > 9000);
      first.send({ type: "cut" });
      assert.match(JSON.stringify((await first.next("refused")).event), /cut a moment ago/);
    },
  );
});
