import assert from "node:assert/strict";
import { it } from "node:test";
import { defaultLimits } from "../../src/index.ts";
import { FrameReader } from "../../src/websocket/frame-reader.ts";
import { createReceiver, type ReceiverListener } from "../../src/websocket/receiver.ts";
import { binary, close, continuation, frame, ping, pong, text } from "../support/frames.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";

const limits = { ...defaultLimits, maxMessageBytes: 6000, maxFragments: 20, maxBufferedChunks: 100_000 };

const pace = { isOpen: true, isReadingPaused: false, adjustReading: () => undefined };

/** What a reader tells, as text to compare. */
class Events implements ReceiverListener {
  readonly list: string[] = [];

  receivedMessage(message: string | Uint8Array): void {
    this.list.push(typeof message === "string" ? `text ${message}` : `binary ${Buffer.from(message).toString("hex")}`);
  }

  receivedPing(data: Buffer): void {
    this.list.push(`ping ${data.toString("hex")}`);
  }

  receivedClose(code: number, reason: string): void {
    this.list.push(`close ${code} ${reason}`);
  }

  receivedViolation(code: number): void {
    this.list.push(`violation ${code}`);
  }
}

it("what a client sends is read as by the parser of ws, whichever frames are read here and however they are cut [C109, C110, C115]", async (t) => {
  const seed = seedFromEnvironment();
  t.diagnostic(`CHANNELKIT_SEED=${seed}`);
  const random = new Random(seed);
  let violations = 0;
  let messages = 0;
  for (let round = 0; round < 800; round++) {
    const bytes = Buffer.concat(Array.from({ length: random.int(1, 12) }, () => randomFrames(random)).flat());
    const slices = random.slices(bytes, random.pick([1, 3, 30, 500, 70_000]));
    const [here, there] = [new Events(), new Events()];
    const reader = new FrameReader(limits, here, pace);
    const receiver = createReceiver(limits, there);
    // Copies, since masks are taken off in place.
    for (const slice of slices) reader.read(Buffer.from(slice));
    for (const slice of slices) if (receiver.writable) receiver.write(Buffer.from(slice));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(here.list, there.list, `round ${round}`);
    violations += here.list.filter((event) => event.startsWith("violation")).length;
    messages += here.list.filter((event) => /^(?:text|binary)/.test(event)).length;
  }
  t.diagnostic(`${messages} messages, ${violations} violations`);
  assert.ok(messages > 800 && violations > 80, "both happen often");
});

/** Mostly what a client should send, in one frame or several; sometimes what it must not. */
function randomFrames(random: Random): Buffer[] {
  if (random.chance(0.06)) return [randomFault(random)];
  if (random.chance(0.02)) return [close(random.pick([undefined, 1000, 1005, 4000, 999]), random.pick(["", "bye"]))];
  if (random.chance(0.3)) return [random.pick([ping, pong])(random.bytes(random.pick([0, 1, 125])))];
  const payload = randomPayload(random);
  const isText = random.chance(0.6);
  if (random.chance(0.7)) return [(isText ? text : binary)(payload)];
  const parts = random.slices(payload, random.pick([2, 50, 4000]));
  const last = parts.length - 1;
  return parts.flatMap((part, index) => {
    const fin = index === last;
    const piece = index > 0 ? continuation(part, { fin }) : (isText ? text : binary)(part, { fin });
    return random.chance(0.1) ? [ping("between"), piece] : [piece];
  });
}

function randomPayload(random: Random): Buffer {
  const length = random.pick([0, 1, 5, 125, 126, 127, 1000, 4080, 4096, 5990, 6000]);
  const letter = random.pick(["a", "é", "€", "🎈"]);
  const payload = Buffer.alloc(length, letter);
  // The filling may end within a letter, which is not UTF-8: sometimes that is wanted.
  const cut = random.chance(0.9) ? length - (length % Buffer.byteLength(letter)) : length;
  return payload.subarray(0, cut);
}

function randomFault(random: Random): Buffer {
  return random.pick([
    () => text("unmasked", { mask: false }),
    () => frame({ opcode: random.pick([3, 7, 11, 15]) }),
    () => text("reserved", { rsv: random.pick([1, 2, 4]) }),
    () => continuation("of nothing"),
    () => ping("x", { fin: false }),
    () => ping(Buffer.alloc(126)),
    () => binary(Buffer.alloc(6001)),
    () => text("", { lengthEncoding: "64", declaredLength: 1n << 62n }),
    () => text(Buffer.of(0xc3)),
    () => random.bytes(random.int(1, 20)),
  ])();
}
