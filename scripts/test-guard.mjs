/**
 * Loaded before each test file: fails a file that does not end, and says what keeps it alive. Without this a test that
 * leaves a server open hangs the whole run; `--test-force-exit` would end it, and lose results that are not written yet.
 */

import { after } from "node:test";
import { isMainThread } from "node:worker_threads";

const lingerMs = 5000;
const fileLimitMs = 600_000;

const isTestFile = process.env.NODE_TEST_CONTEXT !== undefined && process.argv[1]?.endsWith(".test.js") === true;

if (isTestFile && isMainThread) {
  endIn(fileLimitMs, `is not done after ${fileLimitMs / 1000} s`);
  after(() => endIn(lingerMs, `still runs ${lingerMs / 1000} s after its last test`));
}

/**
 * @param {number} delayMs
 * @param {string} complaint
 */
function endIn(delayMs, complaint) {
  const timer = setTimeout(() => {
    const resources = process.getActiveResourcesInfo().join(", ");
    console.error(`${process.argv[1]} ${complaint}, kept alive by: ${resources}`);
    process.exit(1);
  }, delayMs);
  timer.unref();
}
