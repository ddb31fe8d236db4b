import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { defaultClientLimits } from "../../src/channel/client-limits.ts";
import { defaultSessionLimits } from "../../src/index.ts";
import { setSite } from "./site.ts";

const most = 7200;

describe("the client as it is published", () => {
  it("takes the largest message that a server takes by default, before it is told, and none that would be refused", () => {
    assert.equal(defaultClientLimits.maxMessageBytes, defaultSessionLimits.maxMessageBytes);
  });

  it(`has at most ${most} bytes with all its transports, compressed with brotli`, () => {
    const bytes = brotliCompressSync(readFileSync(new URL("../../../dist/client.min.js", import.meta.url))).length;
    assert.ok(bytes <= most, `${bytes} bytes`);
  });

  for (const kind of ["http-streaming", "long-polling"]) {
    it(`leaves no timer and no connection behind after ${kind}`, async (t) => {
      const { proxy } = await setSite(t);
      const program = fileURLToPath(new URL("program.js", import.meta.url));
      const child = spawn(process.execPath, [program, proxy.url, kind], { stdio: ["ignore", "pipe", "inherit"] });
      t.after(() => child.kill());
      const [said] = (await once(child.stdout, "data")) as [Buffer];
      const saidAtMs = performance.now();
      assert.equal(said.toString(), "hello\n");
      assert.deepEqual(await once(child, "exit"), [0, null]);
      assert.ok(performance.now() - saidAtMs < 3000);
    });
  }

  it("notices that the machine has slept", async (t) => {
    const { proxy } = await setSite(t);
    const program = fileURLToPath(new URL("sleeper.js", import.meta.url));
    const child = spawn(process.execPath, [program, proxy.url], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    assert.equal(String(await once(child.stdout, "data")), "open");
    child.kill("SIGSTOP");
    // What lies between the client and the server forgets its connections.
    proxy.set({ type: "half-open" });
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    proxy.clear();
    child.kill("SIGCONT");
    const sinceMs = performance.now();
    // Its next ping would come after 30 seconds.
    assert.equal(String(await once(child.stdout, "data")), "resumed");
    assert.ok(performance.now() - sinceMs < 10_000);
  });
});
