import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryChannelStore, type Position } from "../../src/index.ts";
import { served } from "./crowd.ts";
import { RecordingChannel } from "./recording-channel.ts";

const kinds = ["websocket", "http-streaming", "long-polling"] as const;
const groups = ["red", "green"] as const;
type Group = (typeof groups)[number];
type Join = {
  readonly act: "join";
  readonly who: number;
  readonly group: Group;
  readonly attachment: number;
  readonly since: number | undefined;
};
type Part = { readonly act: "remove" | "leave"; readonly who: number; readonly group: Group };
type Speak = {
  readonly act: "broadcast";
  readonly group: Group;
  readonly own: boolean;
  readonly close: boolean | undefined;
};
type Step = Join | Part | Speak;

const who = fc.nat({ max: 5 });
const group = fc.constantFrom(...groups);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    act: fc.constant("join" as const),
    who,
    group,
    attachment: fc.nat({ max: 9 }),
    since: fc.option(fc.nat({ max: 12 }), { nil: undefined }),
  }),
  fc.record({ act: fc.constantFrom("remove" as const, "leave" as const), who, group }),
  fc.record({
    act: fc.constant("broadcast" as const),
    group,
    own: fc.boolean(),
    close: fc.constantFrom(undefined, undefined, undefined, true, false),
  }),
);

const maxMessages = 4;

/** What a group should hold: its members with their attachments, and all that was ever said in it. */
type Expected = { readonly members: Map<RecordingChannel, number>; readonly said: ((attachment: number) => string)[] };

/** The same steps as the store, with nothing but lists. */
class Oracle {
  readonly groups: Record<Group, Expected> = {
    red: { members: new Map(), said: [] },
    green: { members: new Map(), said: [] },
  };
  readonly received = new Map<RecordingChannel, string[]>();
  readonly closed = new Set<RecordingChannel>();
  readonly streaming = new Set<RecordingChannel>();

  deliver(channel: RecordingChannel, text: string, close: boolean | undefined): void {
    if (this.closed.has(channel)) return;
    const isPoll = !channel.isWebSocket && !this.streaming.has(channel);
    this.received.set(channel, [...(this.received.get(channel) ?? []), text]);
    if (close ?? isPoll) this.leave(channel);
    else this.streaming.add(channel);
  }

  leave(channel: RecordingChannel): void {
    this.closed.add(channel);
    for (const name of groups) this.groups[name].members.delete(channel);
  }
}

type World = {
  readonly store: MemoryChannelStore<number>;
  readonly oracle: Oracle;
  readonly channels: RecordingChannel[];
};

function createWorld(store: MemoryChannelStore<number>): World {
  const oracle = new Oracle();
  const channels = Array.from({ length: 6 }, (_, index) => {
    const channel = new RecordingChannel(`${index}`, kinds[index % kinds.length] ?? "websocket");
    if (channel.kind === "http-streaming") oracle.streaming.add(channel);
    return channel;
  });
  return { store, oracle, channels };
}

function compare({ store, oracle, channels }: World): void {
  for (const channel of channels) {
    assert.deepEqual(channel.received, oracle.received.get(channel) ?? [], `${channel.name} received`);
    assert.equal(channel.isOpen, !oracle.closed.has(channel));
  }
  const present = groups.filter((name) => oracle.groups[name].members.size > 0);
  assert.deepEqual(store.groups().toSorted(), present.toSorted());
  for (const name of groups) {
    assert.deepEqual(store.members(name), [...oracle.groups[name].members], `members of ${name}`);
    assert.equal(store.size(name), oracle.groups[name].members.size);
  }
}

/** Applies one step to both. */
async function apply(world: World, step: Step, index: number, hasHistory: boolean): Promise<void> {
  const { store, oracle, channels } = world;
  const expected = oracle.groups[step.group];
  if (step.act === "broadcast") {
    const text = (attachment: number): string => (step.own ? `${index} for ${attachment}` : `${index}`);
    const members = [...expected.members];
    const options = step.close === undefined ? {} : { close: step.close };
    const value = step.own ? (_channel: unknown, attachment: number) => text(attachment) : text(0);
    assert.equal(store.broadcast(step.group, value, options), members.length);
    expected.said.push(text);
    await served(store);
    for (const [channel, attachment] of members) oracle.deliver(channel, text(attachment), step.close);
    return;
  }
  const channel = channels[step.who] ?? assert.fail();
  if (step.act === "leave") {
    channel.leave();
    oracle.leave(channel);
  } else if (step.act === "join") join(world, step, channel, hasHistory);
  else assert.equal(store.remove(step.group, channel), expected.members.delete(channel));
}

function join({ store, oracle }: World, step: Join, channel: RecordingChannel, hasHistory: boolean): void {
  const { said, members } = oracle.groups[step.group];
  const position = store.position(step.group);
  const since: Position | undefined =
    hasHistory && step.since !== undefined && position !== undefined ? { ...position, offset: step.since } : undefined;
  const joined = store.add(step.group, channel, step.attachment, since === undefined ? {} : { since });
  assert.deepEqual(joined.position, position);
  if (oracle.closed.has(channel)) {
    assert.equal(joined.recovered, since === undefined);
    return;
  }
  members.set(channel, step.attachment);
  const isKnown = since === undefined || (since.offset <= said.length && said.length - since.offset <= maxMessages);
  assert.equal(joined.recovered, isKnown);
  if (since === undefined || since.offset === said.length) return;
  const missed = isKnown ? said.slice(since.offset).map((text) => text(step.attachment)) : ["gap"];
  oracle.deliver(channel, missed.join(","), undefined);
}

for (const hasHistory of [false, true]) {
  const kind = hasHistory ? "with history" : "without history";
  test(`any sequence of joins, leaves and broadcasts does what plain lists would do, ${kind} [CS1] [CS2] [CS3] [CS6]`, async () => {
    const property = fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      const world = createWorld(
        new MemoryChannelStore<number>(
          hasHistory
            ? {
                history: { maxMessages },
                format: ({ recovered, messages }) => (recovered ? messages.map(({ value }) => value).join(",") : "gap"),
              }
            : {},
        ),
      );
      for (const [index, each] of steps.entries()) {
        await apply(world, each, index, hasHistory);
        compare(world);
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });
}
