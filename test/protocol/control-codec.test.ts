import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeControl, encodeControl, maxControlBytes } from "../../src/protocol/control-codec.ts";
import { closeCodes, invitesBack, mayReturn } from "../../src/protocol/close-code.ts";
import type { AttachedRecord, ControlRecord } from "../../src/protocol/control-record.ts";
import { FrameDecoder, framesOf } from "../../src/protocol/frame-codec.ts";
import { decodeCredentials, encodeCredentials } from "../../src/protocol/http-fields.ts";

const token = "aaaaaaaaaaaaaaaaaaaaaa";
const attached: AttachedRecord = {
  type: "attached",
  attach: 1,
  session: token,
  secret: token,
  resumed: false,
  reason: "expired",
  protocol: "chat",
  received: 0,
  first: 1,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 10_000,
  pollHoldMs: 20_000,
  resumeWindowMs: 120_000,
  maxMessageBytes: 1_048_576,
};
const records: ControlRecord[] = [
  { type: "attach", attach: 1, received: 0, key: token },
  { type: "attach", attach: 2, received: 3, key: token, session: token, secret: token, mode: "poll", gap: true },
  { type: "attach", attach: 1, received: 0, key: token, protocols: ["graphql-transport-ws", "a"] },
  attached,
  { type: "ack", received: 0 },
  { type: "ping" },
  { type: "pong" },
  { type: "empty" },
  { type: "poll", attach: 1, poll: 1, received: 0 },
  { type: "poll", attach: 1, poll: 2, received: 0, holdMs: 500 },
  { type: "send", attach: 1, first: 1, received: 0 },
  { type: "goaway", afterMs: 0 },
  { type: "close", code: 1000, reason: "" },
  { type: "detach", code: 4001, reason: "é" },
];

describe("a control record", () => {
  it("comes out as it went in", () => {
    for (const record of records) assert.deepEqual(decodeControl(encodeControl(record)), record);
  });

  it("loses what is not known: a later version may say more", () => {
    assert.deepEqual(decodeControl('{"type":"ping","more":1,"__proto__":{"polluted":1}}'), { type: "ping" });
    assert.equal(decodeControl('{"type":"later","attach":"x"}'), undefined);
    assert.equal(decodeControl('{"type":"toString"}'), undefined);
    assert.equal(decodeControl('{"type":"__proto__"}'), undefined);
    assert.equal((Object.prototype as { polluted?: unknown }).polluted, undefined);
  });

  it("needs each of its fields, but for those that may be left out", () => {
    const mayBeLeftOut = ["key", "mode", "gap", "reason", "holdMs", "protocols", "protocol"];
    for (const record of records) {
      for (const name of Object.keys(record).filter((each) => each !== "type")) {
        const { [name as keyof ControlRecord]: left, ...rest } = record;
        const decoded = decodeControl(JSON.stringify(rest));
        assert.notEqual(left, undefined);
        const isOptional = mayBeLeftOut.includes(name) && /^(attach|poll)/.test(record.type);
        assert.equal(decoded !== undefined && "fault" in decoded, !isOptional, `${record.type}.${name}`);
      }
    }
  });

  it("needs the right type in each field", () => {
    for (const record of records) {
      for (const name of Object.keys(record).filter((each) => each !== "type")) {
        for (const wrong of [null, {}, [], "", -1, 0.5, 2 ** 53, "1", "<script>"]) {
          if (name === "reason" && typeof wrong === "string" && record.type !== "attached") continue;
          if (name === "protocol" && wrong === "1") continue;
          const decoded = decodeControl(JSON.stringify({ ...record, [name]: wrong }));
          assert.ok(decoded !== undefined && "fault" in decoded, `${record.type}.${name} ${JSON.stringify(wrong)}`);
          assert.match(decoded.fault, new RegExp(`^${record.type}.${name} must be `));
        }
      }
    }
  });

  it("says what was expected and never what was sent", () => {
    const faults = [
      ['{"type":"ack","received":-1}', "ack.received must be an integer from 0 to 2^53 - 1"],
      ['{"type":"attach","attach":0,"received":0}', "attach.attach must be an integer from 1 to 2^53 - 1"],
      [
        `{"type":"attach","attach":1,"received":0,"session":"${token}"}`,
        "attach.session and attach.secret must come together",
      ],
      [
        '{"type":"close","code":999,"reason":""}',
        "close.code must be an integer from 1000 to 4999 that may stand in a Close frame",
      ],
      [
        JSON.stringify({ type: "close", code: 1000, reason: "漢".repeat(42) }),
        "close.reason must be a string of at most 123 bytes of UTF-8",
      ],
      ["[]", "a control record must be a JSON object with a string as its type"],
      ["{", "a control record must be a JSON object with a string as its type"],
      ['{"type":1}', "a control record must be a JSON object with a string as its type"],
    ] as const;
    for (const [text, fault] of faults) assert.deepEqual(decodeControl(text), { fault, name: "fault" });
  });

  it("is never longer than it may be", () => {
    const longest = "~".repeat(128);
    const all = { session: longest, secret: longest, key: longest, mode: "stream", gap: true } as const;
    const most = Number.MAX_SAFE_INTEGER;
    // But for a token of quotation marks, which take two characters each in JSON.
    const longestToken = "~".repeat(8192);
    assert.ok(encodeControl({ type: "attach", attach: most, received: most, ...all }).length < 700);
    const protocols = Array.from({ length: 32 }, (_, index) => String(index).padEnd(128, "x"));
    const attach = { type: "attach", attach: most, received: most, ...all, token: longestToken, protocols } as const;
    assert.deepEqual(decodeControl(encodeControl(attach)), attach);
    assert.ok(encodeControl(attach).length < 14_000);
    assert.ok(encodeControl(attach).length < maxControlBytes);
    for (const wrong of [[...protocols, "more"], ["x".repeat(129)], ["a", "a"], ["a b"], [1]]) {
      const decoded = decodeControl(JSON.stringify({ ...attach, protocols: wrong }));
      assert.ok(decoded !== undefined && "fault" in decoded, String(wrong));
    }
  });
});

describe("the frames of a WebSocket", () => {
  const empty = new Uint8Array(0);

  it("are those of a plain channel for a message, and an escape before all else", () => {
    assert.deepEqual(framesOf("hello"), ["hello"]);
    assert.deepEqual(framesOf(""), [""]);
    assert.deepEqual(framesOf(Uint8Array.of(1)), [Uint8Array.of(1)]);
    assert.deepEqual(framesOf(empty), [empty, '{"type":"empty"}']);
    assert.deepEqual(framesOf({ type: "ping" }), [empty, '{"type":"ping"}']);
  });

  it("come out as they went in", () => {
    const sent = ["", empty, "text", '{"type":"ping"}', Uint8Array.of(0), { type: "ping" } as const, empty, empty];
    const decoder = new FrameDecoder();
    const came = sent.flatMap(framesOf).map((frame) => decoder.read(frame));
    assert.deepEqual(
      came.filter((record) => record !== undefined),
      sent,
    );
  });

  it("are a fault where an escape is followed by what is no control record", () => {
    for (const frame of [empty, Uint8Array.of(1), "", "hello", "{}", "x".repeat(maxControlBytes + 1)]) {
      const decoder = new FrameDecoder();
      assert.equal(decoder.read(empty), undefined);
      const record = decoder.read(frame);
      assert.ok(typeof record === "object" && "fault" in record, JSON.stringify(frame).slice(0, 20));
    }
  });

  it("leave out an escaped record of a later version", () => {
    const decoder = new FrameDecoder();
    assert.equal(decoder.read(empty), undefined);
    assert.equal(decoder.read('{"type":"later"}'), undefined);
    assert.equal(decoder.read("text"), "text");
  });
});

describe("close codes", () => {
  it("say by their range whether to come back", () => {
    for (const code of Object.values(closeCodes)) assert.equal(mayReturn(code), code < 4500);
    for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 4499]) assert.ok(mayReturn(code), `${code}`);
    for (const code of [1002, 1003, 1007, 1008, 1009, 1010, 4500, 4999]) assert.ok(!mayReturn(code), `${code}`);
  });

  it("of a session invite back only from 4000 to 4499", () => {
    const inviting = [1000, 1006, 3999, 4000, 4499, 4500].filter(invitesBack);
    assert.deepEqual(inviting, [4000, 4499]);
  });

  it("are each their own", () => {
    const codes = Object.values(closeCodes);
    assert.equal(new Set(codes).size, codes.length);
  });
});

describe("the header field of a session", () => {
  it("holds its id and its secret", () => {
    const credentials = { session: `node~1.${token}`, secret: token };
    assert.deepEqual(decodeCredentials(encodeCredentials(credentials.session, credentials.secret)), credentials);
  });

  it("is nothing else", () => {
    for (const value of ["", ".", token, `${token}.`, `.${token}`, `${token}.short`, `${token}. ${token}`]) {
      assert.equal(decodeCredentials(value), undefined, value);
    }
  });
});
