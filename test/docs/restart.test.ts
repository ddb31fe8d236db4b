import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { createFaultProxy } from "../../src/testing.ts";
import { root } from "../architecture/source.ts";
import { runProgram, type RunningProgram } from "../support/child.ts";
import { eventually } from "../support/expect.ts";

const slow = { timeoutMs: 20_000 };

/** The program of the recipe, inside the project, where Node resolves "channelkit" to the built package. */
function writeRecipe(): string {
  const page = readFileSync(join(root, "docs", "recipes.md"), "utf8");
  const [, code] = /^## Messages that survive a restart\n[^]*?^```js\n([^]*?)^```$/m.exec(page) ?? [];
  assert.ok(code !== undefined);
  const folder = join(root, "build", "recipes");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "restart.mjs");
  writeFileSync(program, code);
  return program;
}

/** A server's process, as the recipe says, with the file of the one before. */
async function startServer(t: TestContext, program: string, env: { FILE: string; PORT: string }) {
  const running = await runProgram(program, { env, readyPattern: /^http:\/\/127\.0\.0\.1:(\d+)$/ });
  t.after(() => running.stop("SIGKILL"));
  return running;
}

it("each message of the recipe is taken once, over a stop in good order and a crash that swallows some", async (t) => {
  const program = writeRecipe();
  const folder = mkdtempSync(join(tmpdir(), "channelkit-recipe-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "messages.txt");
  writeFileSync(file, "");
  const taken = (): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);
  const goesOn = async (): Promise<void> => {
    const { length } = taken();
    await eventually(() => assert.ok(taken().length > length + 30), slow);
  };

  let server: RunningProgram = await startServer(t, program, { FILE: file, PORT: "0" });
  const port = Number(server.ready?.[1]);
  const startAgain = () => startServer(t, program, { FILE: file, PORT: String(port) });
  const network = await createFaultProxy({ target: { port } });
  t.after(() => network.close());
  const page = await runProgram(program, { args: [network.url] });
  t.after(() => page.stop("SIGKILL"));
  await goesOn();

  assert.deepEqual(await server.stop("SIGTERM"), { code: 0, signal: null }, server.output());
  server = await startAgain();
  await goesOn();

  // What the page has sent and nobody will ever get: only that it is sent again brings it.
  network.set({ type: "half-open", direction: "to-server" });
  await eventually(() => assert.ok(network.events.some(({ what }) => what === "strike")), slow);
  await server.stop("SIGKILL");
  network.clear();
  network.cut();
  await startAgain();

  await eventually(() => assert.match(page.output(), /^all are taken$/m), slow);
  assert.deepEqual(await page.exited, { code: 0, signal: null });
  assert.match(page.output(), /^(?:expired: \d+ sent, and not known to have arrived\n){2}all are taken\n$/);
  const texts = taken().map((line) => JSON.parse(line.slice(line.indexOf(" ") + 1)) as string);
  const wanted = Array.from({ length: 300 }, (_, index) => `message ${index + 1}`);
  assert.deepEqual(texts.toSorted(), wanted.toSorted());
});
