import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../src/client.ts";
import { createSessions, isChannelError, MemoryChannelStore, serve } from "../../src/index.ts";

function textOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isChannelError(error) && error.code === "INVALID_ARGUMENT") return error.details.received;
  }
  return assert.fail("it throws");
}

const cyclic: unknown[] = [];
cyclic.push(cyclic);

for (const [value, text] of [
  ["short", '"short"'],
  ["a long one that nobody wants to read in a log", '"a long one that nobo"…, a string of 45 characters'],
  [5, "5"],
  ["5", '"5"'],
  [NaN, "NaN"],
  [5n, "5n"],
  [true, "true"],
  [Symbol("s"), "a symbol"],
  [null, "null"],
  [[], "an empty array"],
  [["a", 2, null, [], 5], 'an array of "a", 2, null and 2 more'],
  [cyclic, "an array of an array"],
  [{}, "an empty object"],
  [{ password: "secret", b: 1 }, 'an object with "password", "b"'],
  [new Map(), "a Map"],
  [new ArrayBuffer(1), "an ArrayBuffer"],
  [new Uint8Array(1), "a Uint8Array"],
] as const) {
  test(`misuse is told with what was given, shortened, and without what objects hold: ${text}`, () => {
    assert.equal(
      textOf(() => new MemoryChannelStore({ format: value as unknown as () => unknown })),
      text,
    );
  });
}

test("the client tells misuse with the number that was given, and of anything else the sort: it may be a secret", () => {
  const options = (more: object): object => more;
  const texts = [
    textOf(() => connect("ftp://user:secret@elsewhere.example")),
    textOf(() => connect("http://a/", options({ transports: ["carrier-pigeon"] }))),
    textOf(() => connect("http://a/", options({ token: "secret" }))),
    textOf(() => connect("http://a/", options({ authToken: "secret" }))),
    textOf(() => connect("http://a/", options({ fetch: true }))),
    textOf(() => connect("http://a/", options({ maxQueuedBytes: -1 }))),
  ];
  const sorts = ["string", "object", "string", "string", "boolean"];
  assert.deepEqual(texts, [...sorts.map((sort) => `of type ${sort}`), "-1"]);
});

test("what a limit and a handler may not be is told with its name", () => {
  assert.equal(
    textOf(() => createSessions({ limits: { ackMessages: "4" as unknown as number } })),
    '"4"',
  );
  assert.equal(
    textOf(() => void serve(5 as unknown as () => Response)),
    "5",
  );
});
