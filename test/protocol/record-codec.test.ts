import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxControlBytes } from "../../src/protocol/control-codec.ts";
import { encodeRecord, RecordDecoder, recordHeader, type SessionRecord } from "../../src/protocol/record-codec.ts";
import { Random, seedFromEnvironment } from "../support/random.ts";

const maxMessageBytes = 1000;

/** Feeds a decoder piece by piece. */
function decode(pieces: readonly Uint8Array[]): { records: SessionRecord[]; fault: string; isComplete: boolean } {
  const records: SessionRecord[] = [];
  const decoder = new RecordDecoder(maxMessageBytes, (record) => records.push(record));
  let fault = "";
  for (const piece of pieces) fault = decoder.push(piece)?.fault ?? "";
  return { records, fault, isComplete: decoder.isBetweenRecords };
}

const text = (body: string): Uint8Array => Buffer.from(body, "latin1");

describe("a record", () => {
  it("is its kind, its length in bytes, a colon and its payload", () => {
    assert.equal(Buffer.from(encodeRecord("hello")).toString(), "t5:hello");
    assert.equal(Buffer.from(encodeRecord("é漢😀")).toString(), "t9:é漢😀");
    assert.deepEqual(Buffer.from(encodeRecord(new Uint8Array([0, 255, 58]))), Buffer.from("b3:\0\xff:", "latin1"));
    assert.equal(Buffer.from(encodeRecord("")).toString(), "t0:");
    assert.equal(Buffer.from(encodeRecord(new Uint8Array(0))).toString(), "b0:");
    assert.equal(Buffer.from(encodeRecord({ type: "ack", received: 7 })).toString(), 'c27:{"type":"ack","received":7}');
    assert.equal(recordHeader("b", 1_048_576), "b1048576:");
  });

  it("comes out as it went in, at every place where its bytes can be cut", () => {
    const sent = ["é漢😀", new Uint8Array(0), "", new Uint8Array([0, 1, 255]), { type: "pong" } as const];
    const bytes = Buffer.concat(sent.map(encodeRecord));
    for (let first = 0; first <= bytes.length; first += 1) {
      for (let second = first; second <= bytes.length; second += 1) {
        const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        assert.deepEqual(decode(pieces), { records: sent, fault: "", isComplete: true });
      }
    }
  });

  it("comes out of random bodies in random pieces", (t) => {
    const random = new Random(seedFromEnvironment());
    t.diagnostic(`CHANNELKIT_SEED=${random.seed}`);
    for (let run = 0; run < 300; run += 1) {
      const sent = Array.from({ length: random.int(0, 20) }, () =>
        random.chance(0.5) ? random.bytes(random.int(0, 1000)).toString("hex").slice(0, 1000) : bytesFrom(random),
      );
      const bytes = Buffer.concat(sent.map(encodeRecord));
      const { records, fault, isComplete } = decode(random.slices(bytes, random.pick([1, 7, 300, 5000])));
      assert.deepEqual({ records, fault, isComplete }, { records: sent, fault: "", isComplete: true });
    }
  });

  it("of bytes shares no memory with the piece in which it came", () => {
    const piece = Buffer.from(encodeRecord(new Uint8Array([1, 2, 3])));
    const { records } = decode([piece]);
    piece.fill(9);
    assert.deepEqual(records, [new Uint8Array([1, 2, 3])]);
  });

  it("that is not complete is told from one that is", () => {
    for (const body of ["t", "t5", "t5:", "t5:hell"]) assert.equal(decode([text(body)]).isComplete, false, body);
    assert.equal(decode([text("t5:hello")]).isComplete, true);
    assert.equal(decode([]).isComplete, true);
  });

  it("keeps a byte order mark, which is part of the message", () => {
    assert.deepEqual(decode([encodeRecord("\uFEFFa")]).records, ["\uFEFFa"]);
  });
});

describe("a body that is no list of records", () => {
  const header = "a record must begin with t, b or c, its length, and a colon";
  const cases: [body: string, fault: string][] = [
    ["x5:hello", header],
    ["5:hello", header],
    ["t:hello", header],
    ["t-1:", header],
    ["t05:hello", header],
    ["t00:", header],
    ["t5 :hello", header],
    ["t0x5:", header],
    ["t12345678901:", header],
    ["t1001:", "a record of kind t must have at most 1000 bytes"],
    ["b9999999999:", "a record of kind b must have at most 1000 bytes"],
    [`c${maxControlBytes + 1}:`, `a record of kind c must have at most ${maxControlBytes} bytes`],
    ["t2:\xc3\x28", "text must be UTF-8"],
    ["t1:\xc3", "text must be UTF-8"],
    ["t3:\xed\xa0\x80", "text must be UTF-8"],
    ["c4:null", "a control record must be a JSON object with a string as its type"],
  ];
  for (const [body, fault] of cases) {
    it(`is refused: ${JSON.stringify(body.slice(0, 20))}`, () => {
      assert.equal(decode([text(body)]).fault, fault);
      assert.equal(decode([...text(body)].map((byte) => Uint8Array.of(byte))).fault, fault);
    });
  }

  it("is not read any further", () => {
    assert.deepEqual(decode([text("t1:ax"), text("t1:b")]).records, ["a"]);
  });

  it("takes no memory for what it only announces", () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 1000 }, () => {
      const decoder = new RecordDecoder(2 ** 30, () => undefined);
      decoder.push(text("b1000000000:abc"));
      return decoder;
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
    assert.equal(decoders.length, 1000);
  });
});

function bytesFrom(random: Random): Uint8Array {
  return new Uint8Array(random.bytes(random.int(0, 1000)));
}
