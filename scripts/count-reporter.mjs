/** A reporter for `node --test` that writes one line of JSON: how many tests passed, failed and were skipped. */

import { resolve } from "node:path";

/**
 * @typedef {{ file?: string, name: string, nesting: number, skip?: string | boolean, todo?: string | boolean,
 *   details: { type?: string, error?: { failureType?: string } } }} Result
 * @typedef {{ type: string, data: Result }} TestEvent
 */

/**
 * Counts the tests without tests in them. A suite, a test with subtests and a file count only when they failed by
 * themselves: a hook, the file's own code, a crash, a time-out.
 *
 * @param {AsyncIterable<TestEvent>} events
 */
export default async function* countReporter(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** @type {Map<string, number>} results since the last one that stood further out, by file and depth */
  const inside = new Map();

  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const file = data.file ?? "";
    const children = inside.get(`${file}:${data.nesting + 1}`) ?? 0;
    inside.delete(`${file}:${data.nesting + 1}`);
    inside.set(`${file}:${data.nesting}`, (inside.get(`${file}:${data.nesting}`) ?? 0) + 1);

    const isFile = data.nesting === 0 && resolve(data.name) === file;
    const isLeaf = children === 0 && data.details.type !== "suite" && !isFile;
    const passed = type === "test:pass";
    if (isSet(data.skip) || (isSet(data.todo) && !passed)) counts.skipped += isLeaf ? 1 : 0;
    else if (passed) counts.passed += isLeaf ? 1 : 0;
    else if (isLeaf || data.details.error?.failureType !== "subtestsFailed") counts.failed += 1;
  }
  yield `${JSON.stringify(counts)}\n`;
}

/** @param {string | boolean | undefined} mark */
function isSet(mark) {
  return mark !== undefined && mark !== false;
}
