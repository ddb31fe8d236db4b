import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodePosition, encodePosition, isChannelError, MemoryChannelStore, type Position } from "../../src/index.ts";

test("a position is read back from its word, and the word fits into a query and a header field as it is [1U-1]", () => {
  const epoch = fc.stringMatching(/^[0-9a-f]{16}$/);
  fc.assert(
    fc.property(epoch, fc.nat({ max: 10 ** 9 }), (anyEpoch, offset) => {
      const position = { epoch: anyEpoch, offset };
      const word = encodePosition(position);
      assert.deepEqual(decodePosition(word), position);
      assert.equal(encodeURIComponent(word), word);
    }),
  );
});

test("what is no position is undefined and never throws, whatever a client sends [1U-1]", () => {
  const wrong = [null, undefined, "", "-", "1", "0123456789abcdef", "0123456789abcdef-", "0123456789abcdef--1"];
  const alsoWrong = ["0123456789ABCDEF-1", "0123456789abcdef-1.5", "0123456789abcdef-1 ", " 0123456789abcdef-1", "g-1"];
  const tooLong = `0123456789abcdef-${"9".repeat(16)}`;
  for (const word of [...wrong, ...alsoWrong, tooLong]) assert.equal(decodePosition(word), undefined, String(word));
  fc.assert(
    fc.property(fc.string(), (word) => {
      const position = decodePosition(word);
      assert.ok(position === undefined || encodePosition(position).length <= word.length);
    }),
  );
});

test("two groups never share an epoch, and neither do two stores with a group of the same name [1U-1]", () => {
  const stores = [new MemoryChannelStore({ history: true }), new MemoryChannelStore({ history: true })];
  const epochs = stores.flatMap((store) => ["a", "b"].map((group) => store.position(group)?.epoch));
  assert.equal(new Set(epochs).size, 4);
  for (const epoch of epochs) assert.match(epoch ?? "", /^[0-9a-f]{16}$/);
});

test("a position that a store without history does not have is refused by name when it is written [1U-1]", () => {
  const none = new MemoryChannelStore().position("a") as Position;
  assert.throws(
    () => encodePosition(none),
    (fault) => isChannelError(fault) && fault.code === "INVALID_ARGUMENT" && fault.details.argument === "position",
  );
});
