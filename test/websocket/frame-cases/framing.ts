import { binary, close, continuation, ping, pong, text } from "../../support/frames.ts";
import { Random } from "../../support/random.ts";
import type { FrameCase, Section } from "../frame-case.ts";

const random = new Random(1);
/** Around each change of the form of the length. */
const sizes = [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537, 200_000];

const echoes = sizes.flatMap((size): FrameCase[] => {
  const message = "*".repeat(size);
  const bytes = Buffer.alloc(size, 0xfe);
  return [
    { name: `a text message of ${size} bytes comes back`, rule: "C116", send: [text(message)], messages: [message] },
    { name: `a binary message of ${size} bytes comes back`, rule: "C116", send: [binary(bytes)], messages: [bytes] },
  ];
});

const sliced = [997, 1, 16_384].map((sliceBytes): FrameCase => {
  const bytes = random.bytes(sliceBytes === 1 ? 500 : 65_536);
  const wire = binary(bytes);
  const send = Array.from({ length: Math.ceil(wire.length / sliceBytes) }, (_, index) =>
    wire.subarray(index * sliceBytes, (index + 1) * sliceBytes),
  );
  return { name: `a frame written ${sliceBytes} bytes at a time comes back`, rule: "C115", send, messages: [bytes] };
});

const masks = ["00000000", "ffffffff", "000000ff", "01020304", "80000000"].map((hex): FrameCase => {
  const mask = Buffer.from(hex, "hex");
  const messages = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33].map((size) => random.bytes(size));
  const send = [Buffer.concat(messages.map((message) => binary(message, { mask })))];
  return { name: `the mask ${hex} is taken off payloads of every alignment`, rule: "C115", send, messages };
});

const mixed: FrameCase[] = [
  {
    name: "a thousand frames in one segment come back in their order",
    rule: "C115",
    send: [Buffer.concat(Array.from({ length: 1000 }, (_, index) => text(`message ${index}`)))],
    messages: Array.from({ length: 1000 }, (_, index) => `message ${index}`),
  },
  {
    name: "text and binary messages keep their kind",
    rule: "C115",
    send: [text("a"), binary("a"), text(""), binary("")],
    messages: ["a", Buffer.from("a"), "", Buffer.alloc(0)],
  },
];

const unmasked = { mask: false };
const withoutMask: FrameCase[] = [
  ["text frame", [text("x", unmasked)]],
  ["empty text frame", [text("", unmasked)]],
  ["binary frame", [binary("x", unmasked)]],
  ["continuation", [text("x", { fin: false }), continuation("y", unmasked)]],
  ["ping", [ping("x", unmasked)]],
  ["pong", [pong("x", unmasked)]],
  ["Close", [close(1000, "", unmasked)]],
].map(([what, send]) => ({
  name: `a ${what as string} without a mask fails with 1002`,
  rule: "C104",
  send: send as Buffer[],
  close: { code: 1002 },
}));

/** `ws` parses, and it takes any form of a length. A check of our own would be a second parser in front of it. */
const lengthForms: FrameCase[] = [
  ...([0, 5, 125] as const).map((size) => notMinimal(size, "16")),
  ...([0, 5, 126, 65_535] as const).map((size) => notMinimal(size, "64")),
  {
    name: "a ping of 5 bytes with its length in 16 bits fails with 1002",
    rule: "C107",
    send: [ping("12345", { lengthEncoding: "16" })],
    close: { code: 1002 },
  },
  {
    name: "a ping of 5 bytes with its length in 64 bits fails with 1002",
    rule: "C107",
    send: [ping("12345", { lengthEncoding: "64" })],
    close: { code: 1002 },
  },
  {
    name: "a length with the top bit set fails with 1009, not 1002, because ws only sees that it is too large",
    rule: "C107",
    send: [text("x", { lengthEncoding: "64", declaredLength: 2n ** 63n })],
    close: { code: 1009 },
  },
  {
    name: "a length above 2^53 fails with 1009",
    rule: "C110",
    send: [text("x", { lengthEncoding: "64", declaredLength: 2n ** 53n })],
    close: { code: 1009 },
  },
];

function notMinimal(size: number, lengthEncoding: "16" | "64"): FrameCase {
  const message = "*".repeat(size);
  return {
    name: `a length of ${size} in ${lengthEncoding} bits is taken, not refused, because ws does not tell the form`,
    rule: "C107",
    send: [text(message, { lengthEncoding })],
    messages: [message],
  };
}

export const framing: Section = {
  title: "framing",
  cases: [...echoes, ...sliced, ...masks, ...mixed, ...withoutMask, ...lengthForms],
};
