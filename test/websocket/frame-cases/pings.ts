import { continuation, frame, opcodes, ping, pong, text } from "../../support/frames.ts";
import { echo, type FrameCase, type Section } from "../frame-case.ts";

const answer = (payload: string | Uint8Array): Buffer => pong(payload, { mask: false });
const allBytes = Buffer.from(Array.from({ length: 125 }, (_, index) => index * 2));

const answered: FrameCase[] = [
  ["an empty ping", ""],
  ["a ping with text", "Hello, world!"],
  ["a ping with bytes that are no text", Buffer.of(0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff)],
  ["a ping of 1 byte", "1"],
  ["a ping of 124 bytes", Buffer.alloc(124, 0xfe)],
  ["a ping of 125 bytes", allBytes],
].map(([what, payload]) => ({
  name: `${what as string} is answered with the same payload`,
  rule: "C111",
  send: [ping(payload as string)],
  answers: [answer(payload as string)],
}));

const ten = Array.from({ length: 10 }, (_, index) => `payload ${index}`);

export const pings: Section = {
  title: "pings and pongs",
  cases: [
    ...answered,
    {
      name: "ten pings in one segment are answered one by one, in order",
      rule: "C111",
      send: [Buffer.concat(ten.map((payload) => ping(payload)))],
      answers: ten.map(answer),
    },
    {
      name: "ten pings in segments of their own are answered one by one, in order",
      rule: "C111",
      send: ten.map((payload) => ping(payload)),
      answers: ten.map(answer),
    },
    {
      name: "a ping inside a fragmented message is answered before it is complete",
      rule: "C111",
      send: [text("he", { fin: false }), ping("now"), continuation("llo")],
      messages: ["hello"],
      answers: [answer("now"), echo("hello")],
    },
    {
      name: "a ping between two messages is answered between their echoes",
      rule: "C111",
      send: [text("one"), ping("two"), text("three")],
      messages: ["one", "three"],
      answers: [echo("one"), answer("two"), echo("three")],
    },
    { name: "an empty pong that nobody asked for is ignored", rule: "C111", send: [pong()] },
    { name: "a pong with a payload that nobody asked for is ignored", rule: "C111", send: [pong("unsolicited")] },
    { name: "a pong of 125 bytes is ignored", rule: "C111", send: [pong(allBytes)] },
    {
      name: "a pong that nobody asked for does not disturb the ping behind it",
      rule: "C111",
      send: [pong("unsolicited"), ping("asked")],
      answers: [answer("asked")],
    },
    {
      name: "a pong inside a fragmented message is ignored",
      rule: "C111",
      send: [text("he", { fin: false }), pong("x"), continuation("llo")],
      messages: ["hello"],
    },
    ...[ping(allBytes, { fin: false }), ping("", { fin: false })].map((bytes, index): FrameCase => ({
      name: `a ping without FIN (${index === 0 ? "125 bytes" : "empty"}) fails with 1002`,
      rule: "C106",
      send: [bytes],
      close: { code: 1002 },
    })),
    ...[126, 127, 65_536].flatMap((size): FrameCase[] =>
      (["ping", "pong"] as const).map((kind) => ({
        name: `a ${kind} of ${size} bytes fails with 1002`,
        rule: "C106",
        send: [frame({ opcode: opcodes[kind], payload: Buffer.alloc(size, 0xfe) })],
        close: { code: 1002 },
      })),
    ),
    {
      name: "what came before a ping that is too long is still echoed",
      rule: "C106",
      send: [Buffer.concat([text("before"), ping("first"), ping(Buffer.alloc(126)), ping("last")])],
      messages: ["before"],
      answers: [echo("before"), answer("first")],
      close: { code: 1002 },
    },
  ],
};
