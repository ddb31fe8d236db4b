import { binary, close, continuation, ping, pong, text } from "../../support/frames.ts";
import { echo, type FrameCase, type Section } from "../frame-case.ts";

const more = { fin: false };
const answer = (payload: string): Buffer => pong(payload, { mask: false });
const bytes = Buffer.of(0xff, 0x00, 0xc3, 0x28);

const whole: FrameCase[] = [
  {
    name: "a text message in two fragments arrives as one",
    send: [text("frag", more), continuation("ment")],
    messages: ["fragment"],
  },
  {
    name: "a binary message in two fragments arrives as one",
    send: [binary(bytes, more), continuation(bytes)],
    messages: [Buffer.concat([bytes, bytes])],
  },
  {
    name: "two fragments in one segment arrive as one message",
    send: [Buffer.concat([text("frag", more), continuation("ment")])],
    messages: ["fragment"],
  },
  {
    name: "a message of 100 fragments arrives as one",
    send: [text("0", more), ...Array.from({ length: 98 }, () => continuation("1", more)), continuation("2")],
    messages: [`0${"1".repeat(98)}2`],
  },
  {
    name: "three empty fragments are an empty text message",
    send: [text("", more), continuation("", more), continuation("")],
    messages: [""],
  },
  {
    name: "three empty fragments are an empty binary message",
    send: [binary("", more), continuation("", more), continuation("")],
    messages: [Buffer.alloc(0)],
  },
  {
    name: "empty fragments before, between and behind others add nothing",
    send: [text("", more), continuation("a", more), continuation("", more), continuation("b", more), continuation("")],
    messages: ["ab"],
  },
  {
    name: "a fragmented message follows another",
    send: [text("a", more), continuation("b"), binary("c", more), continuation("d"), text("e")],
    messages: ["ab", Buffer.from("cd"), "e"],
  },
  {
    name: "pings between five fragments are answered at once",
    send: [
      text("1", more),
      continuation("2", more),
      ping("first"),
      continuation("3", more),
      continuation("4", more),
      ping("second"),
      continuation("5"),
    ],
    messages: ["12345"],
    answers: [answer("first"), answer("second"), echo("12345")],
  },
  {
    name: "a Close inside a message is answered, and the message is dropped",
    send: [text("begun", more), close(1000, "enough")],
    close: { code: 1000, reason: "enough" },
  },
  {
    name: "a fragmented message may stay unfinished",
    send: [text("one"), text("begun", more)],
    messages: ["one"],
  },
].map((each) => ({ rule: "C108", ...each }));

const broken: FrameCase[] = [
  { name: "a last continuation of nothing", send: [continuation("x"), text("y")] },
  { name: "an empty last continuation of nothing", send: [continuation("")] },
  { name: "a continuation of nothing", send: [continuation("x", more), text("y")] },
  {
    name: "a last continuation behind a complete message",
    send: [text("one"), continuation("x"), text("y")],
    messages: ["one"],
  },
  {
    name: "a continuation behind a complete message",
    send: [text("one"), continuation("x", more), text("y")],
    messages: ["one"],
  },
  {
    name: "a last continuation behind a complete fragmented message",
    send: [text("o", more), continuation("ne"), continuation("x")],
    messages: ["one"],
  },
  {
    name: "a continuation behind a complete fragmented message",
    send: [text("o", more), continuation("ne"), continuation("x", more)],
    messages: ["one"],
  },
  { name: "a text frame inside a text message", send: [text("x", more), text("y")] },
  { name: "a text frame without FIN inside a text message", send: [text("x", more), text("y", more)] },
  { name: "a binary frame inside a text message", send: [text("x", more), binary("y")] },
  { name: "a text frame inside a binary message", send: [binary("x", more), text("y")] },
  { name: "a binary frame inside a binary message", send: [binary("x", more), binary("y")] },
  { name: "a text frame behind an empty first fragment", send: [text("", more), text("y")] },
].map((each) => ({ rule: "C108", ...each, name: `${each.name} fails with 1002`, close: { code: 1002 } }));

const control: FrameCase[] = [
  { name: "a ping in two fragments", send: [ping("x", more), continuation("y")] },
  { name: "a pong in two fragments", send: [pong("x", more), continuation("y")] },
  { name: "a Close in two fragments", send: [close(1000, "", more), continuation("y")] },
  { name: "a ping without FIN inside a message", send: [text("x", more), ping("y", more), continuation("z")] },
].map((each) => ({ ...each, rule: "C106", name: `${each.name} fails with 1002`, close: { code: 1002 } }));

/** As a library writes that cuts every message at a fixed size. */
const automatic = [1300, 65_536].map((fragmentBytes): FrameCase => {
  const message = "fragment".repeat(16_384);
  const count = Math.ceil(message.length / fragmentBytes);
  const send = Array.from({ length: count }, (_, index) => {
    const part = message.slice(index * fragmentBytes, (index + 1) * fragmentBytes);
    const options = { fin: index === count - 1 };
    return index === 0 ? text(part, options) : continuation(part, options);
  });
  const name = `a message of 128 KiB, cut into fragments of ${fragmentBytes} bytes, arrives as one`;
  return { name, rule: "C108", send, messages: [message] };
});

export const fragmentation: Section = {
  title: "fragmentation",
  cases: [...whole, ...broken, ...control, ...automatic],
};
