import { binary, close, continuation, frame, ping, pong, text } from "../../support/frames.ts";
import { echo, type FrameCase, type Section } from "../frame-case.ts";

const refused = { rule: "C105", close: { code: 1002 } };

const bits = [1, 2, 3, 4, 5, 6, 7].flatMap((rsv): FrameCase[] => [
  { ...refused, name: `a text frame with reserved bits ${rsv} fails with 1002`, send: [text("x", { rsv })] },
  { ...refused, name: `a binary frame with reserved bits ${rsv} fails with 1002`, send: [binary("", { rsv })] },
  { ...refused, name: `a ping with reserved bits ${rsv} fails with 1002`, send: [ping("x", { rsv })] },
  { ...refused, name: `a pong with reserved bits ${rsv} fails with 1002`, send: [pong("x", { rsv })] },
  { ...refused, name: `a Close with reserved bits ${rsv} fails with 1002`, send: [close(1000, "", { rsv })] },
  {
    ...refused,
    name: `a continuation with reserved bits ${rsv} fails with 1002`,
    send: [text("x", { fin: false }), continuation("y", { rsv })],
  },
  {
    ...refused,
    name: `what came before reserved bits ${rsv} is echoed, what comes behind them is not answered`,
    send: [Buffer.concat([text("before"), text("x", { rsv }), ping()])],
    messages: ["before"],
  },
]);

export const reservedBits: Section = {
  title: "reserved bits",
  cases: [
    ...bits,
    {
      ...refused,
      name: "a compressed message fails with 1002, also when the client offered compression",
      extensions: "permessage-deflate; client_max_window_bits",
      send: [text(Buffer.from("f248cdc9c90700", "hex"), { rsv: 4 })],
    },
  ],
};

const codes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];

export const opcodes: Section = {
  title: "opcodes",
  cases: codes.flatMap((opcode): FrameCase[] => [
    { ...refused, name: `opcode ${opcode} fails with 1002`, send: [frame({ opcode })] },
    {
      ...refused,
      name: `opcode ${opcode} without FIN fails with 1002`,
      send: [frame({ opcode, fin: false, payload: "x" })],
    },
    {
      ...refused,
      name: `opcode ${opcode} with a payload after a message fails with 1002, and the message is echoed`,
      send: [Buffer.concat([text("before"), frame({ opcode, payload: "reserved" }), ping()])],
      messages: ["before"],
      answers: [echo("before")],
    },
    {
      ...refused,
      name: `opcode ${opcode} inside a fragmented message fails with 1002`,
      send: [text("x", { fin: false }), frame({ opcode, payload: "reserved" }), continuation("y")],
    },
  ]),
};
