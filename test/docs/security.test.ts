import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { root } from "../architecture/source.ts";

const folder = join("test", "security");
const rows = [...readFileSync(join(root, "docs", "security.md"), "utf8").matchAll(/^\| ([SB]\d\d) \| (.*) \|$/gm)].map(
  ([, number = "", cells = ""]) => ({ number, shownBy: cells.split(" | ").at(-1) ?? "" }),
);

/** The numbers with which names of tests begin, by file. */
const tested = new Map(
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => {
      const text = readFileSync(join(root, folder, name), "utf8");
      return [name, new Set([...text.matchAll(/\bit\(\s*["`]([SB]\d\d) /g)].map(([, number = ""]) => number))];
    }),
);

/** The files of test/security that a row links to. */
function linkedBy(shownBy: string): string[] {
  return [...shownBy.matchAll(/\]\(\.\.\/test\/security\/([^)]+)\)/g)].map(([, name = ""]) => name);
}

describe("the page of security", () => {
  it("numbers what is tried, and what has gone wrong, once and in order", () => {
    const wanted = [
      ...Array.from({ length: 34 }, (_, index) => `S${String(index + 1).padStart(2, "0")}`),
      ...Array.from({ length: 16 }, (_, index) => `B${String(index + 1).padStart(2, "0")}`),
    ];
    assert.deepEqual(
      rows.map(({ number }) => number),
      wanted,
    );
  });

  it("shows for each row a test of its number, in each file of test/security that it links to", () => {
    for (const { number, shownBy } of rows) {
      const names = linkedBy(shownBy);
      assert.ok(names.length > 0, `${number} links to no test`);
      for (const name of names) assert.ok(tested.get(name)?.has(number), `${name} has no test ${number}`);
    }
  });

  it("has a row for each number of a test, which links to its file", () => {
    for (const [name, numbers] of tested) {
      assert.ok(numbers.size > 0, `${name} has no numbers`);
      for (const number of numbers) {
        const row = rows.find((each) => each.number === number);
        assert.ok(row && linkedBy(row.shownBy).includes(name), `${number} of ${name} is on no row`);
      }
    }
  });
});
