import { binary, continuation, ping, pong, text } from "../../support/frames.ts";
import type { FrameCase, Section } from "../frame-case.ts";

const more = { fin: false };
const kibibyte = 1024;
const stars = (size: number): string => "*".repeat(size);

const tooBig = { limits: "small", rule: "C110", close: { code: 1009 } } as const;
const small: FrameCase[] = [
  { name: "a message of the limit is taken", send: [text(stars(100))], messages: [stars(100)] },
  {
    name: "fragments of the limit together are taken",
    send: [text(stars(60), more), continuation(stars(40))],
    messages: [stars(100)],
  },
  {
    name: "the limit counts for each message anew",
    send: [text(stars(90)), text(stars(90)), text(stars(90), more), continuation("")],
    messages: [stars(90), stars(90), stars(90)],
  },
  { name: "the limit counts bytes, not characters", send: [text("é".repeat(50))], messages: ["é".repeat(50)] },
  {
    name: "a ping is not counted towards the message around it",
    send: [text(stars(60), more), ping(Buffer.alloc(125)), continuation(stars(40))],
    messages: [stars(100)],
    answers: [pong(Buffer.alloc(125), { mask: false }), text(stars(100), { mask: false })],
  },
  {
    name: "a ping of 125 bytes is answered although it is above the limit of messages",
    send: [ping(Buffer.alloc(125))],
    answers: [pong(Buffer.alloc(125), { mask: false })],
  },
  {
    name: "a message of as many fragments as allowed is taken",
    send: [text("0", more), ...Array.from({ length: 6 }, () => continuation("1", more)), continuation("2")],
    messages: ["01111112"],
  },
].map((each) => ({ limits: "small", rule: "C110", ...each }) as const);

const overLimit: FrameCase[] = [
  { ...tooBig, name: "a message above the limit fails with 1009", send: [text(stars(101))] },
  { ...tooBig, name: "a binary message above the limit fails with 1009", send: [binary(stars(101))] },
  {
    ...tooBig,
    name: "characters above the limit in bytes fail with 1009",
    send: [text("é".repeat(51))],
  },
  {
    ...tooBig,
    name: "fragments above the limit together fail with 1009",
    send: [text(stars(60), more), continuation(stars(41))],
  },
  {
    ...tooBig,
    name: "a declared length above the limit fails with 1009 before its payload comes",
    send: [text("", { lengthEncoding: "16", declaredLength: 101n }).subarray(0, 4)],
  },
  {
    ...tooBig,
    name: "a declared length of 8 EiB fails with 1009 before its payload comes",
    send: [text("", { lengthEncoding: "64", declaredLength: 2n ** 63n - 1n }).subarray(0, 10)],
  },
  {
    ...tooBig,
    name: "a declared total of fragments above the limit fails with 1009 before the payload comes",
    send: [text(stars(60), more), continuation("", { declaredLength: 41n }).subarray(0, 2)],
  },
  {
    limits: "small",
    rule: "C110",
    name: "a message of more fragments than allowed fails with 1008",
    send: [text("0", more), ...Array.from({ length: 8 }, () => continuation("1", more))],
    close: { code: 1008 },
  },
  {
    limits: "small",
    rule: "C110",
    name: "a message of more empty fragments than allowed fails with 1008",
    send: [text("", more), ...Array.from({ length: 8 }, () => continuation("", more))],
    close: { code: 1008 },
  },
];

const large = [64, 256, 1024, 4096].flatMap((size): FrameCase[] => {
  const message = stars(size * kibibyte);
  const bytes = Buffer.alloc(size * kibibyte, 0xfe);
  const shared = { limits: "large", rule: "C110" } as const;
  return [
    { ...shared, name: `a text message of ${size} KiB comes back`, send: [text(message)], messages: [message] },
    { ...shared, name: `a binary message of ${size} KiB comes back`, send: [binary(bytes)], messages: [bytes] },
  ];
});

const pieces = [256, 4 * kibibyte, 64 * kibibyte].flatMap((size): FrameCase[] => {
  const message = Buffer.alloc(1024 * kibibyte, 0x61);
  const count = message.length / size;
  const parts = Array.from({ length: count }, (_, index) => message.subarray(index * size, (index + 1) * size));
  const fragments = parts.map((part, index) => {
    const options = { fin: index === count - 1 };
    return index === 0 ? binary(part, options) : continuation(part, options);
  });
  const shared = { limits: "large", rule: "C108", messages: [message] } as const;
  return [{ ...shared, name: `a message of 1 MiB in fragments of ${size} bytes comes back`, send: fragments }];
});

const inside: FrameCase[] = [
  {
    name: "the default limit takes 1 MiB",
    rule: "C110",
    send: [binary(Buffer.alloc(1024 * kibibyte))],
    messages: [Buffer.alloc(1024 * kibibyte)],
  },
  {
    name: "the default limit refuses a byte more than 1 MiB with 1009",
    rule: "C110",
    send: [binary("", { lengthEncoding: "64", declaredLength: BigInt(1024 * kibibyte + 1) })],
    close: { code: 1009 },
  },
  {
    name: "the default limit takes 1024 fragments",
    rule: "C110",
    send: [
      Buffer.concat([text("", more), ...Array.from({ length: 1022 }, () => continuation("", more)), continuation("x")]),
    ],
    messages: ["x"],
  },
  {
    name: "the default limit refuses a fragment more than 1024 with 1008",
    rule: "C110",
    send: [Buffer.concat([text("", more), ...Array.from({ length: 1024 }, () => continuation("", more))])],
    close: { code: 1008 },
  },
];

const roundTrips = [0, 16, 64, 256, 1024, 4096].map((size): FrameCase => {
  const message = stars(size);
  return {
    name: `200 messages of ${size} bytes come back in order`,
    rule: "C115",
    send: Array.from({ length: 200 }, () => text(message)),
    messages: Array.from({ length: 200 }, () => message),
  };
});

export const limits: Section = {
  title: "limits",
  cases: [...small, ...overLimit, ...large, ...pieces, ...inside, ...roundTrips],
};
