import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { encodeEvent, isChannelError } from "../../src/index.ts";

test("A fault is called ChannelError wherever it is shown, and known as one", () => {
  assert.throws(
    () => encodeEvent({ data: "", event: "two\nlines" }),
    (error: unknown) => {
      assert.ok(isChannelError(error));
      assert.equal(error.name, "ChannelError");
      assert.match(error.stack ?? "", /^ChannelError: event must be one line of text/);
      assert.match(inspect(error), /^ChannelError: event must be/);
      assert.match(String(error), /^ChannelError: event must be/);
      assert.deepEqual(Object.keys(error).toSorted(), ["code", "details"]);
      return true;
    },
  );
});
