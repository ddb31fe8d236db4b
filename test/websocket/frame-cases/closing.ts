import { close, continuation, frame, opcodes, ping, text } from "../../support/frames.ts";
import { echo, type FrameCase, type Section } from "../frame-case.ts";

/** RFC 6455 §7.4.1 and the registry, as far as it is filled: 1012 to 1014 came later. */
const goodCodes = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4001, 4999,
];
const badCodes = [0, 1, 125, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65_535];

const codes: FrameCase[] = [
  ...goodCodes.map((code) => ({
    name: `a Close with code ${code} is answered with the same`,
    rule: "C118",
    send: [close(code)],
    close: { code },
  })),
  ...goodCodes.map((code) => ({
    name: `a Close with code ${code} and a reason is answered with the same`,
    rule: "C118",
    send: [close(code, "why")],
    close: { code, reason: "why" },
  })),
  ...badCodes.map((code) => ({
    name: `a Close with code ${code} fails with 1002`,
    rule: "C119",
    send: [close(code)],
    close: { code: 1002 },
  })),
];

const longest = "*".repeat(123);
const reasons: FrameCase[] = [
  { name: "an empty Close is answered with an empty one", rule: "C118", send: [close()], close: { code: undefined } },
  {
    name: "a Close with a reason of 123 bytes is answered with the same",
    rule: "C118",
    send: [close(1000, longest)],
    close: { code: 1000, reason: longest },
  },
  {
    name: "a Close with a reason beyond ASCII is answered with the same",
    rule: "C118",
    send: [close(1000, "schön 漢字 🎈")],
    close: { code: 1000, reason: "schön 漢字 🎈" },
  },
  {
    name: "a Close of 1 byte fails with 1002",
    rule: "C119",
    send: [frame({ opcode: opcodes.close, payload: "x" })],
    close: { code: 1002 },
  },
  {
    name: "a Close with a reason of 124 bytes fails with 1002",
    rule: "C119",
    send: [close(1000, `${longest}*`)],
    close: { code: 1002 },
  },
  ...["ff", "c328", "ceba21eda080", "f4908080", "e282"].map((hex) => ({
    name: `a Close with the bad reason ${hex} fails with 1007`,
    rule: "C119",
    send: [close(1000, Buffer.from(hex, "hex"))],
    close: { code: 1007 },
  })),
];

const ended = { close: { code: 1000 } };
const behind: FrameCase[] = [
  { ...ended, name: "a second Close is not answered", rule: "C121", send: [close(1000), close(1001, "again")] },
  { ...ended, name: "a ping behind a Close is not answered", rule: "C114", send: [close(1000), ping("late")] },
  { ...ended, name: "a message behind a Close reaches nobody", rule: "C114", send: [close(1000), text("late")] },
  {
    ...ended,
    name: "a Close, a message and a Close in one segment get one Close back and deliver nothing",
    rule: "C114",
    send: [Buffer.concat([close(1000), text("late"), close(1000)])],
  },
  {
    ...ended,
    name: "illegal bytes behind a Close change nothing",
    rule: "C114",
    send: [Buffer.concat([close(1000), text("x", { mask: false, rsv: 7 })])],
  },
  {
    ...ended,
    name: "a fragment, a Close and the last fragment deliver nothing",
    rule: "C114",
    send: [text("begun", { fin: false }), close(1000), continuation("late")],
  },
  {
    ...ended,
    name: "messages before a Close in the same segment come back before it is answered",
    rule: "C118",
    send: [Buffer.concat([text("one"), text("two"), close(1000)])],
    messages: ["one", "two"],
  },
  {
    ...ended,
    name: "a message of 256 KiB before a Close comes back before it is answered",
    rule: "C118",
    send: [text("x".repeat(262_144)), close(1000), ping()],
    messages: ["x".repeat(262_144)],
  },
  {
    name: "a fault behind a fault gets no second Close",
    rule: "C114",
    send: [Buffer.concat([text("before"), text("x", { rsv: 4 }), close(999), text(Buffer.of(0xff))])],
    messages: ["before"],
    answers: [echo("before")],
    close: { code: 1002 },
  },
];

export const closing: Section = { title: "closing", cases: [...codes, ...reasons, ...behind] };
