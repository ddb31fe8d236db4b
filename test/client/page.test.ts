import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { root } from "../architecture/source.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { runProgram } from "../support/child.ts";

it("the page without a bundler that docs/client.md shows dials, in Chromium, with the file that is exported", async (t) => {
  const programs = readFileSync(join(root, "docs", "client.md"), "utf8").matchAll(/^```js\n([\s\S]*?)^```$/gm);
  const [program = ""] = [...programs].map(([, code = ""]) => code).filter((code) => code.includes("importmap"));
  const folder = join(root, "build", "page");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "page.mjs"), program.replaceAll(/\b9090\b/g, "0"));
  const running = await runProgram(join(folder, "page.mjs"), { readyPattern: /^(http:\/\/127\.0\.0\.1:\d+)$/ });
  t.after(() => running.stop("SIGKILL"));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const { page, problems } = await openPage(browser, running.ready?.[1] ?? "");
  await page.getByText("hello", { exact: true }).waitFor();
  // A console has more to tell: on a busy machine a second transport is dialled, and refused as too late.
  assert.deepEqual(
    problems.filter((problem) => problem.startsWith("uncaught")),
    [],
  );
});
