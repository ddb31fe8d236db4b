import { encodeControl } from "../../src/protocol/control-codec.ts";
import type { ControlRecord } from "../../src/protocol/control-record.ts";
import { encodeRecord } from "../../src/protocol/record-codec.ts";
import { binary, text } from "../support/frames.ts";
import type { Random } from "../support/random.ts";
import { attachRecord } from "../session-server/session-client.ts";

/** What no handler may ever see: it comes behind a fault, or without an attach. */
export const forbidden = "behind a fault";

const escape = binary("");
const badValues: readonly unknown[] = [-1, 0.5, 1e300, "1", null, true, [], {}, "x".repeat(3000), "é", [1], undefined];
const control = (record: ControlRecord): Buffer => Buffer.concat([escape, text(encodeControl(record))]);
const raw = (json: unknown): Buffer => Buffer.concat([escape, text(JSON.stringify(json) ?? "undefined")]);

/** Frames of a WebSocket that break the protocol of sessions for certain, once an attach is answered. */
const faults: readonly ((random: Random) => Buffer)[] = [
  (random) => control({ type: "ack", received: random.int(1000, 2 ** 31) }),
  (random) => raw({ type: "ack", received: random.pick(badValues) }),
  (random) => raw({ type: "attach", attach: random.pick(badValues), received: 0 }),
  (random) => raw({ ...attachRecord(random.int(2, 9)), received: random.pick(badValues) }),
  (random) => raw({ type: "close", code: random.pick(badValues), reason: "" }),
  (random) => raw(random.pick(badValues)),
  () => Buffer.concat([escape, text("no JSON")]),
  (random) => Buffer.concat([escape, text(`{"type":"ping","x":"${"x".repeat(random.int(17_000, 40_000))}"}`)]),
  (random) => Buffer.concat([escape, binary(random.bytes(random.int(1, 50)))]),
  () => Buffer.concat([escape, escape]),
  (random) => control({ type: "poll", attach: 1, poll: random.int(1, 9), received: 0 }),
  (random) => control({ type: "send", attach: 1, first: random.int(1, 9), received: 0 }),
  () => control({ type: "goaway", afterMs: 1 }),
  () => text("ü".repeat(600_000)),
  () => text(Buffer.from([0xc3, 0x28])),
  () => text("unmasked", { mask: false }),
];

/** What a client sends behind the answer to its attach: some of it is valid, then there is a fault, then what nobody may take. */
export function faultyFrames(random: Random): { readonly frames: Buffer; readonly valid: number } {
  const valid = random.int(0, 3);
  const before = Array.from({ length: valid }, () => text("valid"));
  return { frames: Buffer.concat([...before, random.pick(faults)(random), text(forbidden), text(forbidden)]), valid };
}

/** A body whose records have been changed somewhere. Its first record, or what it was, is an attach or a send. */
export function mutatedBody(random: Random): Buffer {
  const records = [
    random.chance(0.7)
      ? attachRecord(1, { mode: "poll" })
      : ({ type: "send", attach: 1, first: 1, received: 0 } as const),
    ...Array.from({ length: random.int(0, 3) }, () => forbidden),
  ];
  const bytes = Array.from(Buffer.concat(records.map((record) => encodeRecord(record))));
  for (let times = random.int(1, 5); times > 0; times -= 1) {
    const index = random.int(0, bytes.length);
    const how = random.int(0, 2);
    bytes.splice(index, how === 1 ? 0 : random.int(1, 3), ...(how === 0 ? [] : [random.int(0, 255)]));
  }
  return Buffer.from(bytes);
}
